"""Hardware offers for a plan: what a device costs by term, how many can be had, and how fast they train what.

The plan scans hundreds of thousands of mixes, far more than a full estimate of step time allows. So each offer
carries a table of speeds over size and count, made once from full estimates, and the scan interpolates in logarithms.
An offer without a table trains at one given utilisation at any size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from economics.errors import InputError
from economics.uncertainty import Distribution, LogNormal

Floats = NDArray[np.float64]
STATE_BYTES_PER_PARAM = 16.0
"""Weights, gradients and AdamW's state in mixed precision, sharded over all devices; used without a table."""

ROOM_FRACTION = 0.8
"""Share of a device's memory that weights and states may take, the rest being activations; used without a table."""

PRICE_SPREAD = LogNormal(0.0, 0.05)
"""Factor on a quoted price: about +-7 % at p10 and p90."""

SPEED_SPREAD = LogNormal(0.0, 0.15)
"""Factor on an estimated speed: whole runs stay within about +-20 % of an estimate four times in five."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpeedTable:
    """Useful model FLOP per second and device, over size and count; nan where nothing fits.

    >>> table = SpeedTable(num_params=[1e9, 1e11], counts=[1, 64], flop_per_second=[[4e14, 3e14], [float("nan"), 2e14]])
    >>> round(float(table.speed(1e9, 8)) / 1e14, 2), bool(np.isnan(table.speed(1e11, 1)))
    (3.46, True)
    """

    num_params: Floats
    """Sizes, rising."""

    counts: Floats
    """Device counts, rising."""

    flop_per_second: Floats
    """Per device, goodput included: (sizes, counts)."""

    def __post_init__(self) -> None:
        for name in ("num_params", "counts", "flop_per_second"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=float))
        if self.flop_per_second.shape != (self.num_params.size, self.counts.size):
            raise InputError("flop_per_second", self.flop_per_second.shape, "one row a size and one column a count")

    def speed(self, num_params: ArrayLike, count: ArrayLike) -> Floats:
        """Interpolated speed, bilinear in logarithms; sizes and counts beyond the table take its edge."""
        i, x = _place(self.num_params, num_params)
        j, y = _place(self.counts, count)
        logs = np.log(self.flop_per_second)
        i1, j1 = np.minimum(i + 1, self.num_params.size - 1), np.minimum(j + 1, self.counts.size - 1)
        with np.errstate(invalid="ignore"):
            # a weight of exactly 0 must not spread a neighbour's nan
            rows = [_mix(logs[a, j], logs[a, j1], y) for a in (i, i1)]
            return np.asarray(np.exp(_mix(rows[0], rows[1], x)))


def _place(knots: Floats, at: ArrayLike) -> tuple[NDArray[np.int64], Floats]:
    """Index of the knot below, and how far towards the next in logarithms."""
    value = np.clip(np.asarray(at, dtype=float), knots[0], knots[-1])
    below = np.clip(np.searchsorted(knots, value, side="right") - 1, 0, knots.size - 1)
    above = np.minimum(below + 1, knots.size - 1)
    width = np.log(knots[above] / knots[below])
    return below, np.where(width > 0, np.log(value / knots[below]) / np.where(width > 0, width, 1.0), 0.0)


def _mix(low: Floats, high: Floats, share: Floats) -> Floats:
    return np.where(share == 0, low, np.where(share == 1, high, (1 - share) * low + share * high))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HardwareOffer:
    """A device that can be had, at a price and a term."""

    name: str
    """Accelerator."""

    usd_per_accelerator_hour: float
    """Central price."""

    counts: tuple[int, ...]
    """How many can be used at once, each a choice."""

    peak_flop_per_second: float
    """Dense bf16 peak."""

    memory_bytes: float
    """Memory of one device."""

    term: str = "on-demand"
    """on-demand, reserved, spot or owned."""

    mfu_fraction: float = 0.4
    """Utilisation with goodput, where no table is given."""

    table: SpeedTable | None = None
    """Speeds from full estimates."""

    price_spread: Distribution = PRICE_SPREAD
    """Factor on the price: what the quote may turn out to be."""

    speed_spread: Distribution = SPEED_SPREAD
    """Factor on the speed: how far runs stay from estimates."""

    def __post_init__(self) -> None:
        if not self.usd_per_accelerator_hour >= 0:
            raise InputError("usd_per_accelerator_hour", self.usd_per_accelerator_hour, "at least 0")
        if not self.counts or any(count < 1 for count in self.counts):
            raise InputError("counts", self.counts, "at least one count, each 1 or more")
        if not 0 < self.mfu_fraction <= 1:
            raise InputError("mfu_fraction", self.mfu_fraction, "above 0 and at most 1")

    def speed(self, num_params: ArrayLike, count: ArrayLike) -> Floats:
        """Useful model FLOP per second and device; nan where the model does not fit."""
        if self.table is not None:
            return self.table.speed(num_params, count)
        n, devices = np.broadcast_arrays(np.asarray(num_params, dtype=float), np.asarray(count, dtype=float))
        fits = STATE_BYTES_PER_PARAM * n / devices <= ROOM_FRACTION * self.memory_bytes
        return np.where(fits, self.mfu_fraction * self.peak_flop_per_second, np.nan)
