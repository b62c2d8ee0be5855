"""Looks into a model and what it learned from: attributions, nearest documents, verbatim overlap, contamination."""
