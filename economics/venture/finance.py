r"""Money over time: monthly rates, present value with mid-month flows, internal rate of return, annuities.

A yearly rate a is a monthly rate (1 + a)^(1/12) - 1. Flows of a month arrive on average in its middle, so month t
(from 0) is discounted by t + 1/2 months.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from economics.errors import InputError

Floats = NDArray[np.float64]


def monthly_rate(rate_per_year: float) -> float:
    """The monthly rate that compounds to a yearly one.

    >>> round(monthly_rate(0.15), 6), round((1 + monthly_rate(0.15)) ** 12, 9)
    (0.011715, 1.15)
    """
    if not rate_per_year > -1:
        raise InputError("rate_per_year", rate_per_year, "above -1")
    return float((1 + rate_per_year) ** (1 / 12) - 1)


def discount_factors(rate_per_year: float, num_months: int) -> Floats:
    """Present value of a dollar in the middle of each month."""
    return np.asarray((1 + monthly_rate(rate_per_year)) ** -(np.arange(num_months) + 0.5))


def npv(flows_usd: ArrayLike, rate_per_year: float) -> Floats:
    """Present value of monthly flows, mid-month; the last axis is months.

    >>> flows = [-100.0] + [0.0] * 11 + [115.0]                # a year apart, at 15 % a year: worth nothing
    >>> abs(float(npv(flows, 0.15))) < 1e-9
    True
    """
    flows = np.asarray(flows_usd, dtype=float)
    return np.asarray(flows @ discount_factors(rate_per_year, flows.shape[-1]))


@dataclass(frozen=True, slots=True)
class Irr:
    """An internal rate of return, or why there is none."""

    rate_per_year: float | None
    """Yearly rate at which the flows are worth nothing; None where there is none, or several."""

    reason: str | None = None
    """Why it is None."""


def irr(flows_usd: ArrayLike) -> Irr:
    """Internal rate of return of monthly flows, a year.

    There is one where the flows change sign once (Descartes); with several changes several rates may do, and none of
    them means anything.

    >>> round(irr([-100.0] + [0.0] * 11 + [115.0]).rate_per_year, 6)
    0.15
    >>> irr([1.0, 2.0]).reason
    'The flows never change sign, so no rate makes them worth nothing.'
    """
    flows = np.asarray(flows_usd, dtype=float)
    signs = np.sign(flows[np.abs(flows) > 1e-9 * max(np.abs(flows).max(initial=0.0), 1e-300)])
    changes = int((np.diff(signs) != 0).sum())
    if changes == 0:
        return Irr(None, "The flows never change sign, so no rate makes them worth nothing.")
    if changes > 1:
        # a unique rate is still certain if the cumulated flows change sign once (Norstrom)
        running = np.cumsum(flows)
        running = running[np.abs(running) > 1e-9 * np.abs(running).max()]
        if int((np.diff(np.sign(running)) != 0).sum()) != 1:
            return Irr(None, f"The flows change sign {changes} times, so several rates may make them worth nothing.")
    months = np.arange(flows.size)

    def value(log_factor: float) -> float:
        return float(flows @ np.exp(-log_factor * months))

    low, high = -0.5, 2.0  # monthly rates of -39 % to 639 %
    if value(low) * value(high) > 0:
        return Irr(None, "No rate between -99.7 % and infinity a year makes the flows worth nothing.")
    found = float(scipy.optimize.brentq(value, low, high, xtol=1e-14))
    return Irr(float(np.exp(12 * found) - 1))
