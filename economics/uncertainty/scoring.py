"""Judging intervals by what came true: the interval score on logs, and coverage with its binomial band.

Coverage alone rewards timidity: an interval from 0 to infinity always covers. The score punishes width and misses
together, so that honest and narrow wins.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from economics.uncertainty.intervals import Interval

NOMINAL_FRACTION = 0.8
"""Share of outcomes that p10-p90 should hold."""


def interval_score_log(interval: Interval, observed: float) -> float:
    """Interval score of one p10-p90 interval, on logarithms; lower is better.

    (u - l) + (2 / a) (l - y) where y falls below, and the same above, with l, u, y the logarithms of p10, p90 and
    the outcome, and a = 0.2. It is a proper score: the forecaster does best by saying the quantiles believed.
    On logs a factor of two weighs the same for an hour and for a year, and the unit does not matter.

    Parameters
    ----------
    interval : positive quantiles
    observed : what came true, > 0

    Source
    ------
    Gneiting and Raftery 2007, Strictly Proper Scoring Rules, equation 43.

    >>> round(interval_score_log(Interval(1.0, 2.0, 4.0), 2.5), 4)      # a hit costs its width, ln 4
    1.3863
    >>> round(interval_score_log(Interval(1.0, 2.0, 4.0), 8.0), 4)      # a miss by a factor 2 adds 10 ln 2
    8.3178
    """
    if not (interval.p10 > 0 and observed > 0):
        raise ValueError(
            f"p10 ({interval.p10}) and the observed value ({observed}) must be positive to take logarithms"
        )
    low, high, seen = math.log(interval.p10), math.log(interval.p90), math.log(observed)
    penalty = 2 / (1 - NOMINAL_FRACTION)
    return (high - low) + penalty * max(low - seen, 0.0) + penalty * max(seen - high, 0.0)


def mean_interval_score_log(
    intervals: Sequence[Interval], observed: Sequence[float], weights: Sequence[float] | None = None
) -> float:
    """Weighted mean of `interval_score_log` over pairs of intervals and outcomes.

    >>> mean_interval_score_log([Interval(1, 1, 1)], [1.0])
    0.0
    """
    scores = [interval_score_log(*pair) for pair in zip(intervals, observed, strict=True)]
    return float(np.average(scores, weights=weights))


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How often intervals held the truth, and how often they may by chance."""

    num_inside: int
    """Outcomes inside their interval."""

    num_total: int
    """Outcomes."""

    nominal_fraction: float
    """Share the intervals claim to hold."""

    band_low: float
    """Lower end of the 90 % Clopper-Pearson interval of the true coverage, given what was seen."""

    band_high: float
    """Upper end of the same."""

    @property
    def fraction(self) -> float:
        """Share of outcomes inside."""
        return self.num_inside / self.num_total

    @property
    def is_consistent(self) -> bool:
        """Whether the claimed share is within the band: no evidence against the intervals."""
        return self.band_low <= self.nominal_fraction <= self.band_high


def coverage_of(
    intervals: Sequence[Interval], observed: Sequence[float], *, nominal_fraction: float = NOMINAL_FRACTION
) -> Coverage:
    """Count how many outcomes fall inside their p10-p90, with the binomial band of that share.

    The band assumes independent outcomes; rows of one cluster are not, so pass one row per cluster, or read the
    band as too narrow.

    Source
    ------
    Clopper and Pearson 1934.

    >>> found = coverage_of([Interval(0.9, 1, 1.1)] * 10, [1.0] * 8 + [2.0] * 2)
    >>> found.fraction, round(found.band_low, 3), round(found.band_high, 3), found.is_consistent
    (0.8, 0.493, 0.963, True)
    """
    inside = sum(value in interval for interval, value in zip(intervals, observed, strict=True))
    total = len(intervals)
    if total == 0:
        raise ValueError("no intervals to judge; at least one is needed")
    band_low = float(scipy.stats.beta.ppf(0.05, inside, total - inside + 1)) if inside else 0.0
    band_high = float(scipy.stats.beta.ppf(0.95, inside + 1, total - inside)) if inside < total else 1.0
    return Coverage(
        num_inside=inside, num_total=total, nominal_fraction=nominal_fraction, band_low=band_low, band_high=band_high
    )
