"""Serving cost as volume grows: a line for an API, a staircase for replicas, and where they cross."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from economics.errors import InputError

Floats = NDArray[np.float64]
HOURS_PER_MONTH = 730.5
SECONDS_PER_MONTH = HOURS_PER_MONTH * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Staircase:
    """Monthly cost of one's own replicas: they come whole, and never fewer than the floor.

    >>> own = Staircase(tokens_per_second_per_replica=2000, usd_per_replica_hour=2.5, peak_over_mean=3, least_replicas=2)
    >>> [round(float(own.usd_per_month(v))) for v in (0, 3e9, 6e9)]
    [3652, 3652, 7305]
    """

    tokens_per_second_per_replica: float
    """At full load."""

    usd_per_replica_hour: float
    """Rent of all its accelerators."""

    peak_over_mean: float = 3.0
    """Busiest hour over the mean."""

    least_replicas: int = 2
    """Floor."""

    @property
    def tokens_per_replica_month(self) -> float:
        """Volume that one replica carries, its peak included."""
        return self.tokens_per_second_per_replica * SECONDS_PER_MONTH / self.peak_over_mean

    def replicas(self, tokens_per_month: ArrayLike) -> Floats:
        """Replicas needed."""
        needed = np.ceil(np.asarray(tokens_per_month, dtype=float) / self.tokens_per_replica_month - 1e-9)
        return np.asarray(np.maximum(needed, self.least_replicas))

    def usd_per_month(self, tokens_per_month: ArrayLike) -> Floats:
        """Cost of a month."""
        return np.asarray(self.replicas(tokens_per_month) * self.usd_per_replica_hour * HOURS_PER_MONTH)


@dataclass(frozen=True, slots=True)
class BreakEvenVolume:
    """Where own replicas and an API cost the same."""

    first_tokens_per_month: float | None
    """Least volume at which own replicas are no dearer; None if never."""

    always_tokens_per_month: float | None
    """Volume beyond which they never are dearer again, whatever step; None if never."""


def break_even_volume(own: Staircase, api_usd_per_million_tokens: float) -> BreakEvenVolume:
    """Volumes at which an API's line meets the staircase.

    Just after each new replica the API may be the cheaper again; beyond `always` a new step no longer reaches the
    line. A full replica must cost less than its tokens at the API's price, or own replicas never pay.

    Parameters
    ----------
    api_usd_per_million_tokens : > 0, in and out mixed as served

    >>> own = Staircase(tokens_per_second_per_replica=2000, usd_per_replica_hour=2.5, peak_over_mean=3, least_replicas=2)
    >>> found = break_even_volume(own, 1.5)
    >>> round(found.first_tokens_per_month / 1e9, 2), round(found.always_tokens_per_month / 1e9, 2)
    (2.44, 3.65)
    >>> break_even_volume(own, 0.5).first_tokens_per_month is None
    True
    """
    if not api_usd_per_million_tokens > 0:
        raise InputError("api_usd_per_million_tokens", api_usd_per_million_tokens, "positive")
    per_token = api_usd_per_million_tokens / 1e6
    step_usd = own.usd_per_replica_hour * HOURS_PER_MONTH
    step_tokens = own.tokens_per_replica_month
    saved_per_step = step_tokens * per_token - step_usd
    if saved_per_step <= 0:
        return BreakEvenVolume(None, None)
    first: float | None = None
    count = max(own.least_replicas, 1)
    while True:
        meets = count * step_usd / per_token
        if meets <= count * step_tokens:  # the line reaches this step's level before the step ends
            first = meets if first is None else first
            # from where the next step starts below the line, so do all that follow
            if (count + 1) * step_usd <= count * step_tokens * per_token:
                return BreakEvenVolume(first, meets)
        count += 1
