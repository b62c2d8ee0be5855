"""The check that all recipes with splits share."""

from __future__ import annotations

from typing import Protocol

from trainer.errors import SpecError
from trainer.limits import check_fraction

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
        check_fraction(f"split.{name}", getattr(split, name))
    if split.validation_fraction + split.test_fraction > MOST_HELD_BACK:
        raise SpecError(
            f"split.validation_fraction ({split.validation_fraction}) and split.test_fraction ({split.test_fraction}) "
            "leave less than a tenth to learn from"
        )
