"""The arithmetic of metric levels: points are folded into buckets by 16, and those again, like the tiles of a map.

Knows no database. A bucket keeps the last, lowest, highest and mean value of its points; what is not a number is kept
and counted, and takes no part in the other three. Folding always starts at a multiple of 16 and from the same children,
so that a level depends on its points alone and not on how they arrived.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

FACTOR = 16
POINTS_PER_BLOCK = 1_024
BUCKETS_PER_BLOCK = 256
FOLD_ABOVE = 4_096
"""A level of more buckets than this has another one above it. Short runs have level 0 alone."""


@dataclass(frozen=True, slots=True)
class Buckets:
    """A stretch of one level. At level 0 each bucket is a point."""

    steps: Ints
    last: Floats
    low: Floats
    high: Floats
    mean: Floats
    finite: Ints
    nan: Ints

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, part: slice) -> Buckets:
        return Buckets(*(column[part] for column in self.columns()))

    def columns(self) -> tuple[Any, ...]:
        return (self.steps, self.last, self.low, self.high, self.mean, self.finite, self.nan)  # fmt: skip


def points(steps: Sequence[int] | Ints, values: Sequence[float | None] | Floats) -> Buckets:
    """Return points as buckets of one. A later point of the same step replaces the earlier."""
    at = np.asarray(steps, dtype=np.int64)
    numbers = np.array(values, dtype=np.float64)  # None becomes NaN
    numbers[np.isinf(numbers)] = np.nan
    if len(at) > 1 and not np.all(at[1:] > at[:-1]):
        order = np.argsort(at, kind="stable")
        at, numbers = at[order], numbers[order]
        is_last = np.append(at[1:] != at[:-1], True)
        at, numbers = at[is_last], numbers[is_last]
    return from_values(at, numbers)


def from_values(steps: Ints, values: Floats) -> Buckets:
    """Return clean ascending points as buckets of one."""
    nan = np.isnan(values).astype(np.int64)
    return Buckets(steps, values, values, values, values, 1 - nan, nan)


def empty() -> Buckets:
    return from_values(np.empty(0, np.int64), np.empty(0, np.float64))


def join(parts: Sequence[Buckets]) -> Buckets:
    """Return the parts one behind the other."""
    parts = [part for part in parts if len(part)]
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return empty()
    return Buckets(*(np.concatenate(columns) for columns in zip(*(part.columns() for part in parts), strict=True)))


def fold(children: Buckets, size: int = FACTOR) -> Buckets:
    """Return one bucket for each `size` children; the last may have fewer."""
    if not len(children):
        return children
    starts = np.arange(0, len(children), size)
    ends = np.minimum(starts + size, len(children)) - 1
    finite = np.add.reduceat(children.finite, starts)
    sums = np.add.reduceat(np.where(children.finite > 0, children.mean * children.finite, 0.0), starts)
    mean = np.divide(sums, finite, out=np.full(len(starts), np.nan), where=finite > 0)
    return Buckets(
        steps=children.steps[ends],
        last=children.last[ends],
        low=np.fmin.reduceat(children.low, starts),
        high=np.fmax.reduceat(children.high, starts),
        mean=mean,
        finite=finite,
        nan=np.add.reduceat(children.nan, starts),
    )


def num_buckets(num_points: int, level: int) -> int:
    """Return how many buckets a level has, the last one perhaps not full."""
    size: int = FACTOR**level
    return -(-num_points // size)


def num_levels(num_points: int) -> int:
    """Return how many levels so many points have; none for no points."""
    level = 0
    while num_buckets(num_points, level) > FOLD_ABOVE:
        level += 1
    return level + 1 if num_points else 0


def block_size(level: int) -> int:
    return POINTS_PER_BLOCK if level == 0 else BUCKETS_PER_BLOCK


def lowest(buckets: Buckets) -> tuple[float, int] | None:
    """Return the lowest value and the step of its bucket; None where nothing is a number."""
    if not len(buckets) or np.all(np.isnan(buckets.low)):
        return None
    place = int(np.nanargmin(buckets.low))
    return float(buckets.low[place]), int(buckets.steps[place])


def highest(buckets: Buckets) -> tuple[float, int] | None:
    """Return the highest value and the step of its bucket; None where nothing is a number."""
    if not len(buckets) or np.all(np.isnan(buckets.high)):
        return None
    place = int(np.nanargmax(buckets.high))
    return float(buckets.high[place]), int(buckets.steps[place])
