"""Bounds of a spec's fields: a value outside raises `SpecError` with the field, the value and what would be right."""

from __future__ import annotations

from trainer.errors import SpecError

MOST = 2**31 - 1
"""The largest whole number of a spec: what is counted in products of two of them still fits into 64 bits."""


def check_at_least(name: str, value: float, low: float, *, most: int = MOST) -> None:
    if not value >= low:
        raise SpecError(f"{name} is {value}; it must be at least {low}")
    if isinstance(value, int) and value > most:
        raise SpecError(f"{name} is {value:,}; it must be at most {most:,}")


def check_above(name: str, value: float, low: float) -> None:
    if not value > low:
        raise SpecError(f"{name} is {value}; it must be above {low}")


def check_fraction(name: str, value: float, *, below_one: bool = False) -> None:
    if not 0 <= value <= 1 or (below_one and value == 1):
        raise SpecError(f"{name} is {value}; it must be a fraction from 0 to {'below 1' if below_one else '1'}")
