"""How an input may be spread: five families, each a frozen dataclass that samples and inverts its own CDF.

Every family answers `ppf(u)` (the value below which a share `u` of the probability lies), so that two scenarios
drawn from the same uniforms differ only by what was changed: these are common random numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from economics.errors import InputError

Floats = NDArray[np.float64]
Z90 = 1.2815515655446004
"""The 90 % point of the standard normal, 1.2816: half the width of a p10-p90 range in standard deviations."""


@runtime_checkable
class Distribution(Protocol):
    """What an input looks like when it is not known exactly."""

    def ppf(self, u: ArrayLike) -> Floats:
        """Value at cumulative probability `u`, element by element."""

    def sample(self, rng: np.random.Generator, n: int) -> Floats:
        """`n` independent draws."""

    @property
    def median(self) -> float:
        """The value as likely exceeded as not."""


class _ByInverse:
    """Sampling by inversion, shared by all families, so that one uniform always gives one value."""

    __slots__ = ()

    def ppf(self, u: ArrayLike) -> Floats:
        raise NotImplementedError

    def sample(self, rng: np.random.Generator, n: int) -> Floats:
        """`n` independent draws."""
        return self.ppf(rng.random(n))

    @property
    def median(self) -> float:
        """The value as likely exceeded as not."""
        return float(self.ppf(0.5))


@dataclass(frozen=True, slots=True)
class Fixed(_ByInverse):
    """A value known, or assumed, exactly.

    >>> Fixed(3.0).ppf([0.1, 0.9])
    array([3., 3.])
    """

    value: float
    """The value itself."""

    def ppf(self, u: ArrayLike) -> Floats:
        """The value, whatever `u`."""
        return np.full(np.shape(u), self.value, dtype=float)


@dataclass(frozen=True, slots=True)
class LogNormal(_ByInverse):
    """A positive quantity whose logarithm is normal: prices, throughputs, token counts, failure rates.

    Errors in such quantities multiply: twice and half the median are equally likely. The mean is above the median
    by the factor exp(sigma**2 / 2).

    >>> spread = LogNormal.from_median(2.0, p10=1.0, p90=4.0)
    >>> round(spread.sigma, 4), [round(float(x), 6) for x in spread.ppf([0.1, 0.5, 0.9])]
    (0.5409, [1.0, 2.0, 4.0])
    """

    mu: float
    """Logarithm of the median."""

    sigma: float
    """Standard deviation of the logarithm, >= 0; 0.1 is about +-10 %."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.mu) and math.isfinite(self.sigma) and self.sigma >= 0):
            raise InputError("sigma", self.sigma, "a finite number of at least 0, with a finite mu")

    @classmethod
    def from_median(cls, median: float, *, p10: float, p90: float) -> LogNormal:
        """The lognormal with this median whose p10-p90 range is as wide, in logs, as the one given.

        Where the range is not symmetric in logs the median holds and the width is kept; give no median
        (`lognormal_from_quantiles`) to have the two ends hold instead.
        """
        if not 0 < p10 <= median <= p90:
            raise InputError("median", median, f"positive and between p10 ({p10}) and p90 ({p90})")
        return cls(math.log(median), math.log(p90 / p10) / (2 * Z90))

    def ppf(self, u: ArrayLike) -> Floats:
        """Value at cumulative probability `u`."""
        return np.asarray(np.exp(self.mu + self.sigma * scipy.special.ndtri(np.asarray(u, dtype=float))), dtype=float)

    @property
    def mean(self) -> float:
        """Expected value: what many draws average to."""
        return math.exp(self.mu + self.sigma**2 / 2)


@dataclass(frozen=True, slots=True)
class Beta(_ByInverse):
    """A share between 0 and 1: goodput, cache hits, churn, conversion.

    `a` - 1 successes and `b` - 1 failures seen from ignorance give Beta(a, b); observing more adds to them.

    >>> Beta(3.0, 7.0).updated(successes=2, failures=18)
    Beta(a=5.0, b=25.0)
    """

    a: float
    """Weight of successes, > 0."""

    b: float
    """Weight of failures, > 0."""

    def __post_init__(self) -> None:
        if not (self.a > 0 and self.b > 0):
            raise InputError("a, b", (self.a, self.b), "two positive weights")

    @classmethod
    def from_median(cls, median: float, *, p10: float, p90: float) -> Beta:
        """The beta with this median whose p10-p90 range is as wide as the one given."""
        return beta_from_quantiles(p10=p10, p50=median, p90=p90)

    def updated(self, *, successes: float, failures: float) -> Beta:
        """The posterior after so many more successes and failures (a conjugate update)."""
        return Beta(self.a + successes, self.b + failures)

    def ppf(self, u: ArrayLike) -> Floats:
        """Value at cumulative probability `u`."""
        return np.asarray(scipy.special.betaincinv(self.a, self.b, np.asarray(u, dtype=float)), dtype=float)

    @property
    def mean(self) -> float:
        """Expected share."""
        return self.a / (self.a + self.b)


@dataclass(frozen=True, slots=True)
class Triangular(_ByInverse):
    """A least, a most likely and a greatest value, straight lines between: what an expert can say in one breath.

    >>> Triangular(0.0, 1.0, 2.0).ppf([0.0, 0.5, 1.0])
    array([0., 1., 2.])
    """

    low: float
    """Least possible value."""

    mode: float
    """Most likely value."""

    high: float
    """Greatest possible value."""

    def __post_init__(self) -> None:
        if not (self.low <= self.mode <= self.high and self.low < self.high):
            raise InputError("low, mode, high", (self.low, self.mode, self.high), "in rising order, low below high")

    @classmethod
    def from_median(cls, median: float, *, p10: float, p90: float) -> Triangular:
        """The triangle whose p10, p50 and p90 come nearest to those given, by least squares."""

        def misfit(x: Floats) -> Floats:
            mode = x[0]
            shape = cls(mode - math.exp(x[1]), mode, mode + math.exp(x[2]))
            return np.asarray(shape.ppf([0.1, 0.5, 0.9]) - np.array([p10, median, p90]))

        if not p10 < median < p90:
            raise InputError("median", median, f"between p10 ({p10}) and p90 ({p90})")
        start = [median, math.log(1.8 * (median - p10)), math.log(1.8 * (p90 - median))]
        mode, left, right = scipy.optimize.least_squares(misfit, start).x
        return cls(float(mode - math.exp(left)), float(mode), float(mode + math.exp(right)))

    def ppf(self, u: ArrayLike) -> Floats:
        """Value at cumulative probability `u`."""
        u = np.asarray(u, dtype=float)
        width = self.high - self.low
        at_mode = (self.mode - self.low) / width
        rising = self.low + np.sqrt(u * width * (self.mode - self.low))
        falling = self.high - np.sqrt((1 - u) * width * (self.high - self.mode))
        return np.where(u <= at_mode, rising, falling)


@dataclass(frozen=True, slots=True)
class Empirical(_ByInverse):
    """The observations themselves, drawn with replacement and interpolated between neighbours.

    >>> Empirical((1.0, 5.0, 3.0)).ppf([0.0, 0.5, 1.0])
    array([1., 3., 5.])
    """

    values: tuple[float, ...]
    """What was observed, in any order; at least one."""

    def __post_init__(self) -> None:
        if not self.values or any(math.isnan(v) for v in self.values):
            raise InputError("values", self.values, "at least one observation, none of them nan")

    def ppf(self, u: ArrayLike) -> Floats:
        """Value at cumulative probability `u`."""
        return np.asarray(np.quantile(np.asarray(self.values, dtype=float), np.asarray(u, dtype=float)), dtype=float)


def lognormal_from_quantiles(*, p10: float, p90: float) -> LogNormal:
    """The lognormal with these two quantiles; its median is their geometric mean.

    >>> round(lognormal_from_quantiles(p10=1.0, p90=4.0).median, 6)
    2.0
    """
    if not 0 < p10 <= p90:
        raise InputError("p10, p90", (p10, p90), "positive and in rising order")
    return LogNormal((math.log(p10) + math.log(p90)) / 2, math.log(p90 / p10) / (2 * Z90))


def beta_from_quantiles(*, p10: float, p50: float, p90: float) -> Beta:
    """The beta with this median whose p10-p90 range has this width.

    Two numbers fix a beta, so of three quantiles the median and the width are kept.

    >>> spread = beta_from_quantiles(p10=0.85, p50=0.92, p90=0.97)
    >>> [round(float(x), 3) for x in spread.ppf([0.1, 0.5, 0.9])]
    [0.846, 0.92, 0.966]
    """
    if not 0 < p10 < p50 < p90 < 1:
        raise InputError("p10, p50, p90", (p10, p50, p90), "three rising shares strictly between 0 and 1")

    def misfit(x: Floats) -> list[float]:
        a, b = np.exp(np.clip(x, -12, 18))
        low, mid, high = scipy.special.betaincinv(a, b, [0.1, 0.5, 0.9])
        return [float(mid - p50), float(high - low - (p90 - p10))]

    weight = max(p50 * (1 - p50) / ((p90 - p10) / (2 * Z90)) ** 2 - 1, 0.1)
    found = scipy.optimize.least_squares(misfit, np.log([p50 * weight, (1 - p50) * weight]), xtol=1e-12, ftol=1e-12)
    return Beta(*(float(x) for x in np.exp(found.x)))
