r"""Use of customers that differ: the lognormal's partial means.

A few customers use most. With use lognormal of mean m and sigma s, the part below a limit k and the part above it
have closed forms (those of an option's price), so a price plan's overage needs no simulated customers:

    E[min(X, k)]  =  m Phi(z - s)  +  k (1 - Phi(z)),      z = (ln k - ln m + s^2 / 2) / s
"""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def mean_below(mean: ArrayLike, sigma: float, limit: float) -> Floats:
    r"""E[min(X, limit)] for lognormal X of this mean.

    With mu = ln(mean) - sigma^2 / 2 and z = (ln limit - mu) / sigma it is mean Phi(z - sigma) + limit (1 - Phi(z)).

    >>> round(float(mean_below(1.0, 1.5, 1.0)), 3)                   # a cap at the mean cuts off more than half
    0.453
    >>> float(mean_below(5.0, 1.5, float("inf"))), float(mean_below(5.0, 0.0, 3.0))
    (5.0, 3.0)
    """
    average = np.asarray(mean, dtype=float)
    if not np.isfinite(limit):
        return np.array(average)
    if limit <= 0:
        return np.zeros_like(average)
    if sigma == 0:
        return np.asarray(np.minimum(average, limit))
    with np.errstate(divide="ignore"):
        z = (np.log(limit) - np.log(average) + sigma**2 / 2) / sigma
    return np.asarray(average * scipy.special.ndtr(z - sigma) + limit * scipy.special.ndtr(-z))


def share_of_heaviest(sigma: float, top_fraction: float) -> float:
    """Share of all use by the heaviest customers.

    >>> round(share_of_heaviest(1.5, 0.1), 2)
    0.59
    """
    return float(scipy.special.ndtr(sigma - scipy.special.ndtri(1 - top_fraction)))


def relative_noise(sigma: float, num_customers: ArrayLike) -> Floats:
    """Standard deviation of the mean use of so many customers over its expectation."""
    count = np.maximum(np.asarray(num_customers, dtype=float), 1.0)
    return np.asarray(np.sqrt(np.expm1(sigma**2) / count))
