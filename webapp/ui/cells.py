"""Cells of tables that people open in a spreadsheet."""

from __future__ import annotations


def safe_cell(value: object) -> object:
    """Return the value so that no spreadsheet runs it: text that starts like a formula gets an apostrophe, numbers stay."""
    if isinstance(value, (int, float)):
        return value
    text = str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r", "\0") and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
