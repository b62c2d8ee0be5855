"""Envelope: of all checkpoints that cost about the same compute, the best; a law through the best ones.

Needs many checkpoints per run, as training curves give. The minimum of noisy losses is itself biased low, and curves
whose learning rate has not decayed lie above what a run of that length would reach: the parametric and the IsoFLOP fit
have neither trouble.

Source: Hoffmann et al. 2022, approach 1.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from economics.errors import NoAnswerError
from economics.scaling.fitted import FittedLaw
from economics.scaling.isoflop import law_from_optima
from economics.scaling.parametric import cluster_weights
from economics.scaling.points import Points
from economics.scaling.rules import refuse_if_unidentified

Floats = NDArray[np.float64]
NUM_BINS = 12
"""Bins of compute, equal in logarithm, over the range where several sizes overlap."""


def fit_envelope(points: Points, *, num_resamples: int = 1000, seed: int = 0) -> FittedLaw:
    """Fit a law to the lower envelope of the losses over compute.

    Parameters
    ----------
    points : many checkpoints of several runs; bins with fewer than three different sizes do not count

    Raises
    ------
    NoAnswerError : if fewer than three bins of compute hold three sizes

    >>> from economics.scaling.laws import LossLaw
    >>> truth = LossLaw(E=1.8, A=480.0, B=2100.0, alpha=0.35, beta=0.37)
    >>> n = np.repeat(np.geomspace(3e7, 3e9, 16), 40)
    >>> d = np.tile(np.geomspace(1e8, 1e12, 40), 16)
    >>> points = Points(num_params=n, num_tokens=d, loss=truth.loss(n, d), run=np.repeat(np.arange(16), 40))
    >>> 0.4 < fit_envelope(points, num_resamples=20).extra["size_exponent"] < 0.6
    True
    """
    refuse_if_unidentified(points)
    log_c = np.log(points.compute_flop)
    edges = np.linspace(log_c.min(), log_c.max() + 1e-9, NUM_BINS + 1)
    members = [np.flatnonzero((log_c >= low) & (log_c < high)) for low, high in itertools.pairwise(edges)]
    members = [rows for rows in members if np.unique(points.num_params[rows]).size >= 3]
    if len(members) < 3:
        raise NoAnswerError(
            f"The envelope needs three ranges of compute in which three sizes were measured; these points have "
            f"{len(members)}. Log more checkpoints, or use --method parametric."
        )
    rng = np.random.default_rng([seed, 13])
    weights = np.concatenate([points.weight[None, :], cluster_weights(points, num_resamples, rng, smooth=False)])
    middles = np.array([log_c[rows].mean() for rows in members])
    best = [_lowest(points, rows, log_c, middle, weights) for rows, middle in zip(members, middles, strict=True)]
    return law_from_optima(
        points,
        middles,
        np.stack([log_n for log_n, _ in best], axis=1),
        np.stack([loss for _, loss in best], axis=1),
        method="envelope",
        source="lowest loss in each range of compute, then a line and a power law",
    )


def _lowest(
    points: Points, rows: NDArray[np.int64], log_c: Floats, middle: float, weights: Floats
) -> tuple[Floats, Floats]:
    """ln N and loss of the best row in a bin under every row of weights, moved to the middle of the bin."""
    flat = np.ptp(log_c[rows]) < 1e-6
    slope = 0.0 if flat else np.polyfit(log_c[rows], np.log(points.loss[rows]), 1)[0]
    level = np.log(points.loss[rows]) - slope * (log_c[rows] - middle)
    present = np.where(weights[:, rows] > 0, level, np.inf)
    winner = present.argmin(axis=1)
    lowest = present[np.arange(weights.shape[0]), winner]
    found = np.isfinite(lowest)
    log_n = np.log(points.num_params[rows][winner])
    return np.where(found, log_n, np.nan), np.where(found, np.exp(np.where(found, lowest, 0.0)), np.nan)
