r"""The learning curve of one run: where will this loss end?

    L(D)  =  E + B / D^beta        over the tokens of one run after its warm-up

Extrapolates the run's own curve; useful to stop a hopeless run early. A learning rate that decays bends the curve
down at the end, below its power law, so with a decay ahead the prediction is a cautious upper estimate, and says so.
Neighbouring values of a smoothed curve are nearly the same observation: the bootstrap resamples blocks of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from economics.errors import InputError
from economics.uncertainty import Interval, interval_of, stream_for

Floats = NDArray[np.float64]
GRID = np.linspace(0.05, 1.2, 47)
NUM_BLOCKS = 20
NUM_VALUES = 240
"""Values the curve is thinned to, even in ln D, so that every decade weighs the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePrediction:
    """Where a run is going."""

    loss: Interval
    """Loss at the tokens asked for."""

    coefficients: tuple[float, float, float]
    """E, B, beta of the central fit."""

    warnings: tuple[str, ...]
    """What is doubtful."""


def learning_curve_predict(
    num_tokens: ArrayLike,
    loss: ArrayLike,
    *,
    at_tokens: float,
    warmup_fraction: float = 0.1,
    decay_ahead: bool = True,
    num_resamples: int = 200,
    seed: int = 0,
) -> CurvePrediction:
    """Predict a run's later loss from its curve so far.

    Parameters
    ----------
    num_tokens, loss : the curve, any number of values from 20 on
    at_tokens : where to predict; beyond twice what was seen is a guess and warned of
    warmup_fraction : share of the curve, from its start, left out
    decay_ahead : whether the learning rate will still fall

    >>> d = np.linspace(1e8, 1e10, 400)
    >>> found = learning_curve_predict(d, 2.0 + 300 / d**0.3, at_tokens=2e10, decay_ahead=False)
    >>> round(found.loss.p50, 3), round(2.0 + 300 / 2e10**0.3, 3)
    (2.244, 2.244)
    """
    d, y = np.asarray(num_tokens, dtype=float), np.asarray(loss, dtype=float)
    keep = np.isfinite(y) & (d > d.max() * warmup_fraction)
    if keep.sum() < 20:
        raise InputError("loss", f"{int(keep.sum())} usable values", "20 values after the warm-up, or more")
    d, y = _thinned(d[keep], y[keep])
    weight = np.ones((1, d.size))
    rng = stream_for(seed, "learning curve")
    blocks = np.arange(d.size) * NUM_BLOCKS // d.size
    shares = rng.standard_exponential((num_resamples, NUM_BLOCKS))
    weights = np.concatenate([weight, (shares / shares.mean(axis=1, keepdims=True))[:, blocks]])
    found = _solve(d, y, weights)
    at = found[:, 0] + found[:, 1] * at_tokens ** -found[:, 2]
    residual = np.std(y - (found[0, 0] + found[0, 1] * d ** -found[0, 2]))
    # the mean of a block of residuals, not one value, is what the curve misses by
    draws = at[1:] + residual / np.sqrt(d.size / NUM_BLOCKS) * rng.standard_normal(num_resamples)
    draws += at[0] - np.median(draws)
    warnings = []
    if at_tokens > 2 * d.max():
        warnings.append(f"Predicting at {at_tokens / d.max():.3g} times the tokens seen; beyond twice it is a guess.")
    if decay_ahead:
        warnings.append("The learning rate still has to decay: the run should end below this curve.")
    return CurvePrediction(
        loss=interval_of(draws),
        coefficients=(float(found[0, 0]), float(found[0, 1]), float(found[0, 2])),
        warnings=tuple(warnings),
    )


def _thinned(d: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Means in cells even in ln D."""
    if d.size <= NUM_VALUES:
        return d, y
    cell = np.minimum(((np.log(d / d.min()) / np.log(d.max() / d.min())) * NUM_VALUES).astype(int), NUM_VALUES - 1)
    count = np.bincount(cell, minlength=NUM_VALUES)
    full = count > 0
    means = [np.bincount(cell, weights=x, minlength=NUM_VALUES)[full] / count[full] for x in (np.log(d), y)]
    return np.exp(means[0]), means[1]


def _solve(d: Floats, y: Floats, weights: Floats) -> Floats:
    """E, B, beta for every row of weights: least squares at each beta of a grid, refined by a parabola."""
    middle = np.log(d).mean()
    falling = np.exp(-GRID[:, None] * (np.log(d) - middle))  # (grid, n)
    w = weights[:, None, :]
    sums = [np.einsum("rgn->rg", w * x) for x in (np.ones_like(falling), falling, falling**2, y, falling * y, y * y)]
    s, sx, sxx, sy, sxy, syy = sums
    slope = np.maximum((s * sxy - sx * sy) / np.maximum(s * sxx - sx**2, 1e-300), 1e-12)
    level = np.maximum((sy - slope * sx) / s, 0.0)
    misfit = syy - 2 * level * sy - 2 * slope * sxy + level**2 * s + 2 * level * slope * sx + slope**2 * sxx
    best = np.clip(misfit.argmin(axis=1), 1, GRID.size - 2)
    rows = np.arange(weights.shape[0])
    left, mid, right = (misfit[rows, best + k] for k in (-1, 0, 1))
    shift = np.clip(0.5 * (left - right) / np.maximum(left - 2 * mid + right, 1e-300), -1, 1)
    beta = GRID[best] + shift * (GRID[1] - GRID[0])
    x = np.exp(-beta[:, None] * (np.log(d) - middle))
    s, sx, sxx = weights.sum(axis=1), (weights * x).sum(axis=1), (weights * x * x).sum(axis=1)
    sy, sxy = (weights * y).sum(axis=1), (weights * x * y).sum(axis=1)
    slope = np.maximum((s * sxy - sx * sy) / np.maximum(s * sxx - sx**2, 1e-300), 1e-12)
    level = np.maximum((sy - slope * sx) / s, 0.0)
    return np.stack([level, slope * np.exp(beta * middle), beta], axis=1)
