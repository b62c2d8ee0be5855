"""Measures a machine in about half a minute, so that what a run will take can be told beforehand."""
