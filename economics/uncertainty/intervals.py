"""An answer as three quantiles, and how draws become one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

QUANTILES = (0.10, 0.50, 0.90)
"""The quantiles every estimate is reported at: four times in five the truth should fall between the outer two."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A central 80 % interval with its median: what an estimate is, wherever one is shown.

    Quantiles of a sum are not sums of quantiles: add draws and sum up afterwards (`interval_of`), never add two
    intervals. Multiplying by a positive constant is allowed, since it keeps the order.

    >>> Interval(8.0, 10.0, 14.0) * 2
    Interval(p10=16.0, p50=20.0, p90=28.0)
    """

    p10: float
    """One time in ten the truth is below this."""

    p50: float
    """The median: as likely too low as too high."""

    p90: float
    """One time in ten the truth is above this."""

    def __post_init__(self) -> None:
        # nan marks an unknown quantile; only ordered numbers can be checked
        if self.p10 > self.p50 or self.p50 > self.p90:
            raise ValueError(f"p10 ({self.p10}), p50 ({self.p50}), p90 ({self.p90}) must be in rising order")

    @classmethod
    def of_point(cls, value: float) -> Interval:
        """An interval without width, for what is known or assumed exactly."""
        return cls(value, value, value)

    def __mul__(self, factor: float) -> Interval:
        if factor < 0:
            raise ValueError(f"factor ({factor}) must not be negative: it would swap p10 and p90")
        return Interval(self.p10 * factor, self.p50 * factor, self.p90 * factor)

    __rmul__ = __mul__

    def __truediv__(self, divisor: float) -> Interval:
        return self * (1.0 / divisor)

    def __iter__(self) -> Iterator[float]:
        return iter((self.p10, self.p50, self.p90))

    def __contains__(self, value: float) -> bool:
        return self.p10 <= value <= self.p90

    @property
    def width_ratio(self) -> float:
        """p90 over p10: 1 is certainty, 2 a factor of two between the ends."""
        return self.p90 / self.p10

    def to_dict(self) -> dict[str, float]:
        """The form of the command line and of the database: {"p10", "p50", "p90"}."""
        return {"p10": self.p10, "p50": self.p50, "p90": self.p90}


def interval_of(draws: ArrayLike) -> Interval:
    """Sum up draws of one quantity as p10, p50, p90.

    Infinite draws count as what they are (a path that never breaks even has an infinite month); a single nan
    makes the answer unknown and raises instead.

    Parameters
    ----------
    draws : numbers, any shape, at least one; none of them nan

    >>> interval_of([1.0, 2.0, 3.0])
    Interval(p10=1.2, p50=2.0, p90=2.8)
    """
    values = np.asarray(draws, dtype=float).ravel()
    if values.size == 0:
        raise ValueError("draws is empty; at least one draw is needed")
    if np.isnan(values).any():
        raise ValueError(f"{int(np.isnan(values).sum())} of {values.size} draws are nan; decide what they mean first")
    if np.isinf(values).any():
        # interpolating between a number and infinity gives nan or inf at random; take the draw itself
        low, mid, high = np.quantile(values, QUANTILES, method="inverted_cdf")
    else:
        low, mid, high = np.quantile(values, QUANTILES)
    return Interval(_rounded(low), _rounded(mid), _rounded(high))


def _rounded(value: float) -> float:
    """Drop the last bits, which differ between machines, and keep 12 digits, far more than any interval justifies."""
    return float(f"{float(value):.12g}")
