"""How many of something there are, as sentences say it."""

from __future__ import annotations


def amount(count: int, one: str, many: str = "") -> str:
    """Return `1 row`, `1,200 rows`, `2 classes`; `many` where it is not `one` with an s."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
