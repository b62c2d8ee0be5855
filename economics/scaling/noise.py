"""How far runs scatter about a law."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from economics.scaling.points import Points
from economics.scaling.rules import FEWEST_FOR_BOOTSTRAP

Floats = NDArray[np.float64]
NUM_COEFFICIENTS = 5


def noise_of(points: Points, coefficients: Floats) -> float:
    """Standard deviation of ln loss about the law, by runs, corrected for the coefficients fitted.

    From 20 runs on a robust spread (median absolute deviation) keeps a few bad runs from widening every interval;
    it is not let below half the plain one.
    """
    e, a, b, alpha, beta = coefficients
    fitted = e + a * points.num_params**-alpha + b * points.num_tokens**-beta
    residual = np.log(points.loss / fitted)
    weight = points.weight / points.weight.sum() * points.num_points
    freedom = max(points.num_clusters - degrees_used(points.num_clusters), 1.0)
    plain = float(np.sqrt((weight * residual**2).sum() / points.num_points * points.num_clusters / freedom))
    if points.num_clusters < FEWEST_FOR_BOOTSTRAP:
        return max(plain, 1e-6)
    # a nearly absolute fit passes through about five points exactly: they say nothing of the noise
    robust = float(1.4826 * np.median(np.sort(np.abs(residual))[NUM_COEFFICIENTS:]))
    return max(robust, plain / 2, 1e-6)


def degrees_used(num_clusters: int) -> float:
    """Coefficients that the points determine: five, or about four where the prior holds the exponents."""
    return 5.0 if num_clusters >= FEWEST_FOR_BOOTSTRAP else 4.0
