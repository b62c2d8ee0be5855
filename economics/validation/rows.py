"""Cells of a file of measurements: a number above 0, or empty where the source says nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite

from economics.errors import InputError

LARGEST = 1e30
"""Beyond it a cell is a slip; the largest training runs take 1e27 FLOP."""


def row_numbers(row: Mapping[str, str | None]) -> Callable[[str], float | None]:
    """Return a function that reads a column of a row: its number, or None where the cell is empty or missing.

    >>> number = row_numbers({"n_chips": "64", "tokens": "", "seq_len": "2k"})
    >>> number("n_chips"), number("tokens"), number("mfu")
    (64.0, None, None)
    >>> number("seq_len")
    Traceback (most recent call last):
    ...
    economics.errors.InputError: seq_len is '2k'; it must be a number above 0, or empty.
    """

    def number(column: str) -> float | None:
        text = (row.get(column) or "").strip()
        if not text:
            return None
        try:
            value = float(text)
        except ValueError:
            value = 0.0
        if not (isfinite(value) and 0 < value <= LARGEST):
            raise InputError(column, text, "a number above 0, or empty")
        return value

    return number
