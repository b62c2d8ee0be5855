"""Sweeps: which settings to try next, and which runs need not go on."""
