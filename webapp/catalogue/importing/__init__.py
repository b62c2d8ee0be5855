"""Prices from files: read in one of three formats, compared with what is there, shown, and only then taken in."""
