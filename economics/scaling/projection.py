r"""Variable projection: the law is linear in E, A and B once alpha and beta are given.

For trial exponents the other three follow from a small non-negative least-squares problem, so that the search is in
two dimensions instead of five. That removes most of the ill-conditioning (A and alpha, B and beta trade off almost
perfectly), and lets a thousand resamples be solved together as arrays.

Residuals are relative, (L_hat - L) / L, which agrees with ln L_hat - ln L to first order. Robustness against bad
points is by iteratively reweighted least squares with Huber's weights, min(1, delta / |r|): with delta = 0.001 most
points weigh as in a regression on absolute errors, as in the published fits.

Source: Golub and Pereyra 1973 (variable projection); Holland and Welsch 1977 (reweighting).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
CHUNK = 128
"""Resamples solved together: their arrays stay in the processor's cache."""

EXPONENT_LOW, EXPONENT_HIGH = 0.02, 1.5
"""Range in which alpha and beta are sought."""

SUBSETS = np.array([[1, 1, 1], [0, 1, 1], [1, 1, 0], [1, 0, 1], [0, 1, 0], [0, 0, 1], [1, 0, 0]], dtype=float)
"""Which of E, A, B are free: all, then the faces of the non-negative octant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectionProblem:
    """The data of one batch: all resamples share sizes and tokens, and may differ in weights and losses."""

    log_n: Floats
    """ln N of each point, (n,)."""

    log_d: Floats
    """ln D of each point, (n,)."""

    loss: Floats
    """Losses, (n,) or (resamples, n)."""

    weight: Floats
    """Weights, (resamples, n)."""

    huber_delta: float | None
    """Where errors begin to count linearly, as a share of the loss; None for plain squares."""

    prior_mean: Floats | None = None
    """Centre of the prior of (alpha, beta), (resamples, 2); None for no prior."""

    prior_precision: float | Floats = 0.0
    """Weight of the prior relative to one point's squared relative residual: (noise / prior's spread)^2."""


def project_batch(
    problem: ProjectionProblem, start: Floats, *, num_iterations: int = 60, tolerance: float = 2e-5
) -> tuple[Floats, Floats]:
    """Solve every resample from the same start; returns coefficients (resamples, 5) and last steps (resamples,).

    Parameters
    ----------
    problem : what to fit
    start : (alpha, beta) to begin at
    tolerance : an exponent that moves less is done
    """
    num_resamples = problem.weight.shape[0]
    coefficients, steps = np.empty((num_resamples, 5)), np.empty(num_resamples)
    for first in range(0, num_resamples, CHUNK):
        rows = slice(first, first + CHUNK)
        coefficients[rows], steps[rows] = _solve_chunk(problem, rows, start, num_iterations, tolerance)
    return coefficients, steps


def _solve_chunk(
    problem: ProjectionProblem, rows: slice, start: Floats, num_iterations: int, tolerance: float
) -> tuple[Floats, Floats]:
    """Gauss-Newton on the projected problem, reweighting after every step; finished resamples drop out."""
    weight = problem.weight[rows]
    loss = np.broadcast_to(problem.loss if problem.loss.ndim == 1 else problem.loss[rows], weight.shape)
    mean_n, mean_d = problem.log_n.mean(), problem.log_d.mean()
    x_n, x_d = problem.log_n - mean_n, problem.log_d - mean_d
    exponents = np.tile(np.asarray(start, dtype=float), (weight.shape[0], 1))
    linear = np.zeros((weight.shape[0], 3))
    robust = np.ones_like(weight)
    steps = np.full(weight.shape[0], np.inf)
    active = np.arange(weight.shape[0])
    prior = None if problem.prior_mean is None else problem.prior_mean[rows]
    precision = np.broadcast_to(np.asarray(problem.prior_precision, dtype=float), problem.weight.shape[:1])[rows]
    columns = np.empty((weight.shape[0], 6, weight.shape[1]))
    for _ in range(num_iterations):
        block = columns[: active.size]
        _fill_columns(block, x_n, x_d, loss[active], exponents[active])
        gram = (block * (weight[active] * robust[active])[:, None, :]) @ block.transpose(0, 2, 1)  # (r, 6, 6)
        linear[active] = _nonnegative(gram[:, :3, :3], gram[:, :3, 5])
        pull = None if prior is None else precision[active, None] * (prior[active] - exponents[active])
        step = _exponent_step(gram, linear[active], pull, precision[active])
        residual = 1.0 - np.einsum("rc,rcn->rn", linear[active], block[:, :3])
        if problem.huber_delta is not None:
            robust[active] = np.minimum(1.0, problem.huber_delta / np.maximum(np.abs(residual), 1e-300))
        exponents[active] = np.clip(exponents[active] + step, EXPONENT_LOW, EXPONENT_HIGH)
        steps[active] = np.abs(step).max(axis=1)
        active = active[steps[active] > tolerance]
        if active.size == 0:
            break
    alpha, beta = exponents.T
    # back from centred logarithms to the law's own A and B
    a, b = linear[:, 1] * np.exp(alpha * mean_n), linear[:, 2] * np.exp(beta * mean_d)
    return np.column_stack([linear[:, 0], a, b, alpha, beta]), steps


def _fill_columns(block: Floats, x_n: Floats, x_d: Floats, loss: Floats, exponents: Floats) -> None:
    """Columns of the model over the loss: 1, N^-alpha, D^-beta, their derivatives in the exponents, and the target."""
    np.divide(1.0, loss, out=block[:, 0])
    block[:, 1] = np.exp(-exponents[:, :1] * x_n) * block[:, 0]
    block[:, 2] = np.exp(-exponents[:, 1:] * x_d) * block[:, 0]
    block[:, 3] = -block[:, 1] * x_n
    block[:, 4] = -block[:, 2] * x_d
    block[:, 5] = 1.0


def _exponent_step(gram: Floats, linear: Floats, pull: Floats | None, precision: Floats) -> Floats:
    """Gauss-Newton step of (alpha, beta) after projecting out the coefficients that are free."""
    free = (linear > 0).astype(float)
    inner = _masked(gram[:, :3, :3], free)
    scale = linear[:, 1:, None]  # derivative columns carry A and B
    cross = gram[:, :3, 3:5] * free[:, :, None] * linear[:, None, 1:]
    outer = gram[:, 3:5, 3:5] * scale * linear[:, None, 1:]
    residual_cross = (gram[:, 3:5, 5] - np.einsum("rij,rj->ri", gram[:, 3:5, :3], linear)) * linear[:, 1:]
    schur = outer - cross.transpose(0, 2, 1) @ np.linalg.solve(inner, cross)
    diagonal = np.einsum("rii->ri", schur)
    diagonal += precision[:, None] + 1e-9 * np.einsum("rii->ri", outer) + 1e-300
    right = residual_cross if pull is None else residual_cross + pull
    return np.asarray(np.clip(np.linalg.solve(schur, right[:, :, None])[:, :, 0], -0.15, 0.15))


def _nonnegative(gram: Floats, right: Floats) -> Floats:
    """Non-negative least squares in three unknowns, batched: solve freely, then try faces where that left the octant."""
    solution = np.asarray(np.linalg.solve(_masked(gram, np.ones(right.shape)), right[:, :, None])[:, :, 0])
    bad = np.flatnonzero((solution < 0).any(axis=1))
    if bad.size:
        best = np.full(bad.size, np.inf)
        for mask in SUBSETS[1:]:
            free = np.tile(mask, (bad.size, 1))
            trial = np.linalg.solve(_masked(gram[bad], free), (right[bad] * free)[:, :, None])[:, :, 0] * free
            value = np.einsum("ri,rij,rj->r", trial, gram[bad], trial) - 2 * (trial * right[bad]).sum(axis=1)
            better = (trial >= 0).all(axis=1) & (value < best)
            solution[bad[better]], best[better] = trial[better], value[better]
    return solution


def _masked(gram: Floats, free: Floats) -> Floats:
    """The matrix with the rows and columns of held unknowns replaced by the identity's, and a trace of ridge."""
    masked = gram * free[:, :, None] * free[:, None, :]
    ridge = 1e-12 * np.einsum("rii->ri", gram) + 1e-300
    np.einsum("rii->ri", masked)[...] += np.where(free > 0, ridge, 1.0)
    return masked


def project_grid(
    log_n: Floats, log_d: Floats, loss: Floats, weight: Floats, alphas: Floats, betas: Floats
) -> tuple[Floats, Floats]:
    """Squared relative error of the best E, A, B at every pair of exponents; returns (pairs, 2) and values, best first."""
    pairs = np.stack(np.meshgrid(alphas, betas, indexing="ij"), axis=-1).reshape(-1, 2)
    x_n, x_d = log_n - log_n.mean(), log_d - log_d.mean()
    columns = np.empty((pairs.shape[0], 6, loss.size))
    _fill_columns(columns, x_n, x_d, np.broadcast_to(loss, (pairs.shape[0], loss.size)), pairs)
    gram = (columns * weight) @ columns.transpose(0, 2, 1)
    linear = _nonnegative(gram[:, :3, :3], gram[:, :3, 5])
    residual = 1.0 - np.einsum("rc,rcn->rn", linear, columns[:, :3])
    value = (weight * residual**2).sum(axis=1)
    order = np.argsort(value)
    return pairs[order], value[order]
