"""Smaller and faster forms of a trained model, each with what it costs in quality."""
