"""What describes users and items, as numbers: each value of each feature has one, a user or an item has a bag of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from trainer.data.interactions.reading import Side, Values

MAX_PLAIN_NUMBERS = 20
"""Numbers with more different values (prices) are put into bins; with fewer (a year of school) each is a value."""

NUM_BINS = 10
MAX_VALUES = 1_000_000


@dataclass(frozen=True, slots=True)
class Bags:
    """A bag of numbers for each of N things: `numbers[starts[i]:starts[i + 1]]`."""

    starts: NDArray[np.int64]
    numbers: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.starts) - 1

    def of(self, which: NDArray[np.int64]) -> Bags:
        """Return the bags of some of the things, in that order."""
        lengths = self.starts[which + 1] - self.starts[which]
        starts = np.concatenate([[0], np.cumsum(lengths)])
        place = np.arange(int(starts[-1])) + np.repeat(self.starts[which] - starts[:-1], lengths)
        return Bags(starts, np.asarray(self.numbers[place]))


@dataclass(slots=True)
class Encoded:
    """Features of users, or of items."""

    names: list[str] = field(default_factory=list)
    """Number of a value -> `feature=value`."""

    bags: list[list[int]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def as_bags(self) -> Bags:
        starts = np.cumsum([0, *map(len, self.bags)], dtype=np.int64)
        return Bags(starts, np.fromiter((n for bag in self.bags for n in bag), np.int32, int(starts[-1])))


def encode(side: Side, kept: NDArray[np.int64]) -> Encoded:
    """Return the features of those that are kept, in their order."""
    found = Encoded(bags=[[] for _ in kept])
    for feature, values in side.features.items():
        given = {number: values[old] for number, old in enumerate(kept.tolist()) if old in values}
        if not given:
            continue
        if (
            len(given) > 2
            and len(set(given.values())) == len(given)
            and not any("|" in text for text in given.values())
        ):
            if (binned := bins_of(given)) is None:
                found.warnings.append(
                    f"The feature {feature} differs for all that have it, so nothing can be learnt from it; it is left out."
                )
                continue
            given = binned
        elif (binned := bins_of(given)) is not None:
            given = binned
        _add(found, feature, given)
    return found


def _add(found: Encoded, feature: str, given: Values) -> None:
    numbers: dict[str, int] = {}
    for thing, text in given.items():
        for value in dict.fromkeys(part.strip() for part in text.split("|")):
            if not value:
                continue
            if value not in numbers:
                if len(found.names) >= MAX_VALUES:
                    found.warnings.append(f"The features have over {MAX_VALUES:,} values; further ones are left out.")
                    return
                numbers[value] = len(found.names)
                found.names.append(f"{feature}={value}")
            found.bags[thing].append(numbers[value])


def bins_of(given: Values) -> Values | None:
    """Return numbers in tenths of equal size; None where these are no numbers, or few different ones."""
    try:
        numbers = np.array([float(text) for text in given.values()])
    except ValueError:
        return None
    if not np.isfinite(numbers).all() or len(np.unique(numbers)) <= MAX_PLAIN_NUMBERS:
        return None
    edges = np.unique(np.quantile(numbers, np.linspace(0, 1, NUM_BINS + 1)))
    places = np.clip(np.searchsorted(edges, numbers, side="right") - 1, 0, len(edges) - 2)
    return {
        thing: f"{edges[place]:g} to {edges[place + 1]:g}" for thing, place in zip(given, places.tolist(), strict=True)
    }
