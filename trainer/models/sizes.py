"""Sizes of models, for specs. Imports no torch."""

from __future__ import annotations


def fewer(count: int, keep: float, *, step: int = 1) -> int:
    """Return that share of a count, in whole steps: at least one, at most the count."""
    return min(count, step * max(1, round(count * keep / step)))
