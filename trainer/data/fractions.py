"""The check that all recipes with splits share."""

from __future__ import annotations

from typing import Protocol

from trainer.errors import SpecError

MOST_HELD_BACK = 0.9


class Split(Protocol):
    """A step that divides data; its fields bear these names."""

    @property
    def validation_fraction(self) -> float: ...
    @property
    def test_fraction(self) -> float: ...


def check_fractions(split: Split) -> None:
    """Raise `SpecError` unless both are fractions that leave something to learn from."""
    for name in ("validation_fraction", "test_fraction"):
        if not 0 <= getattr(split, name) <= 1:
            raise SpecError(f"split.{name} is {getattr(split, name)}; it must be a fraction from 0 to 1")
    if split.validation_fraction + split.test_fraction > MOST_HELD_BACK:
        raise SpecError(
            f"split.validation_fraction ({split.validation_fraction}) and split.test_fraction ({split.test_fraction}) "
            "leave less than a tenth to learn from"
        )
