"""Measures a machine in about ten seconds, so that what a run will take can be told beforehand."""
