r"""IsoFLOP: at each budget of compute, a parabola of loss in ln N; its lowest point is the best size.

    L  =  c0 + c1 ln N + c2 (ln N)^2     ->     ln N* = -c1 / (2 c2),    L* = c0 - c1^2 / (4 c2)

Regressing ln N* on ln C gives the exponent a of N* ~ C^a; fitting L* = E + K C^-gamma gives the rest, and from the
two the five coefficients of the law follow in closed form: alpha = gamma / a, beta = gamma / (1 - a). The parabola is
only a local picture of the law, so wide or off-centre grids bias it; the parametric fit has no such bias.

Source: Hoffmann et al. 2022, approach 2; bias: Open-Athena scaling-law-analysis 2026.
"""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import NDArray

from economics.errors import NoAnswerError
from economics.scaling.compute_groups import compute_groups
from economics.scaling.fitted import FittedLaw
from economics.scaling.laws import NAMES, LossLaw
from economics.scaling.noise import noise_of
from economics.scaling.parametric import cluster_weights, objective_of
from economics.scaling.points import Points
from economics.scaling.rules import refuse_if_unidentified, warnings_of

Floats = NDArray[np.float64]
FARTHEST_SIZE_FACTOR = 4.0
"""Sizes farther from the best of their budget than this factor do not enter its parabola."""

FEWEST_IN_GROUP = 4
"""Sizes a budget needs for a parabola with something left over."""


def fit_isoflop(points: Points, *, num_resamples: int = 1000, seed: int = 0) -> FittedLaw:
    """Fit a parabola at each budget and a law through their lowest points.

    Parameters
    ----------
    points : at three budgets or more, each with four sizes or more about its best one

    Raises
    ------
    NoAnswerError : if fewer than three budgets have their lowest loss inside the sizes tried

    >>> truth = LossLaw(E=1.8, A=480.0, B=2100.0, alpha=0.35, beta=0.37)
    >>> budgets = np.repeat([1e19, 1e20, 1e21], 7)
    >>> n = np.concatenate([truth.optimum(c).num_params * np.geomspace(0.4, 2.5, 7) for c in (1e19, 1e20, 1e21)])
    >>> d = budgets / 6 / n
    >>> fitted = fit_isoflop(Points(num_params=n, num_tokens=d, loss=truth.loss(n, d), flop=budgets), num_resamples=20)
    >>> round(fitted.extra["size_exponent"], 2), round(0.37 / 0.72, 2)
    (0.51, 0.51)
    """
    refuse_if_unidentified(points)
    groups = [group for group in compute_groups(points.compute_flop) if group.size >= FEWEST_IN_GROUP]
    groups = [_near_best(points, group) for group in groups]
    if len(groups) < 3:
        raise NoAnswerError(
            f"IsoFLOP needs three budgets of compute with {FEWEST_IN_GROUP} sizes each; these points have {len(groups)}."
        )
    rng = np.random.default_rng([seed, 11])
    weights = np.concatenate([points.weight[None, :], cluster_weights(points, num_resamples, rng)])
    best_n, best_loss = _vertices(points, groups, weights)
    log_c = np.log(np.array([np.exp(np.log(points.compute_flop[group]).mean()) for group in groups]))
    return law_from_optima(
        points,
        log_c,
        best_n,
        best_loss,
        method="isoflop",
        source="parabola at each budget, then a line and a power law",
    )


def _near_best(points: Points, group: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows of a budget within a factor of the best size: farther off the loss is no parabola, and tilts it."""
    log_n = np.log(points.num_params[group])
    distance = np.abs(log_n - log_n[points.loss[group].argmin()])
    widest = max(np.log(FARTHEST_SIZE_FACTOR), np.sort(distance)[FEWEST_IN_GROUP - 1] + 1e-9)
    return np.asarray(group[distance <= widest])


def law_from_optima(
    points: Points, log_c: Floats, best_log_n: Floats, best_loss: Floats, *, method: str, source: str
) -> FittedLaw:
    """A law from the best size and loss at several computes; the first row is the data, the others resamples.

    Where N* = g C^a and L* = E + K C^-gamma, the exponents are alpha = gamma / a and beta = gamma / (1 - a). At an
    optimum the marginal losses are equal, so of the reducible loss K C^-gamma the model's term is the share
    beta / (alpha + beta) and the data's term the rest; that gives A and B.
    """
    found = [_coefficients(points, log_c, n, loss) for n, loss in zip(best_log_n, best_loss, strict=True)]
    if found[0] is None:
        raise NoAnswerError(
            "Fewer than three budgets have their lowest loss inside the sizes tried, or the lowest losses do not fall "
            "with compute; widen the range of sizes."
        )
    draws = np.array([row for row in found[1:] if row is not None]).reshape(-1, 6)
    if draws.shape[0] < max(10, 0.3 * (len(found) - 1)):
        raise NoAnswerError(f"Only {draws.shape[0]} of {len(found) - 1} resamples gave a law; add sizes and budgets.")
    from economics.uncertainty import interval_of

    centre = found[0]
    return FittedLaw(
        method=method,
        law=LossLaw(**dict(zip(NAMES, map(float, centre[:5]), strict=True)), conventions=points.conventions),
        draws=draws[:, :5],
        noise_sigma=noise_of(points, centre[:5]),
        objective=objective_of(points, centre[:5]),
        figures_from={"coefficients": source, "intervals": "percentile bootstrap of runs, each refitted alike"},
        num_points=points.num_points,
        num_clusters=points.num_clusters,
        largest_compute_flop=float(points.compute_flop.max()),
        conventions=points.conventions,
        warnings=tuple(warnings_of(points)),
        extra={"size_exponent": float(centre[5])},
        extra_intervals={"size_exponent": interval_of(draws[:, 5])},
    )


def _vertices(points: Points, groups: list[NDArray[np.int64]], weights: Floats) -> tuple[Floats, Floats]:
    """ln N* and L* of every budget under every row of weights; nan where no lowest point lies inside the sizes."""
    best_n = np.full((weights.shape[0], len(groups)), np.nan)
    best_loss = np.full_like(best_n, np.nan)
    for column, group in enumerate(groups):
        log_n = np.log(points.num_params[group])
        centred = log_n - log_n.mean()
        basis = np.stack([np.ones_like(centred), centred, centred**2])
        weighted = basis * weights[:, None, group]
        gram, right = weighted @ basis.T, weighted @ points.loss[group]
        solvable = np.abs(np.linalg.det(gram)) > 1e-12
        c0, c1, c2 = np.linalg.solve(np.where(solvable[:, None, None], gram, np.eye(3)), right[:, :, None])[:, :, 0].T
        with np.errstate(divide="ignore", invalid="ignore"):
            vertex = -c1 / (2 * c2)
            inside = solvable & (c2 > 0) & (vertex > centred.min()) & (vertex < centred.max())
            best_n[:, column] = np.where(inside, vertex + log_n.mean(), np.nan)
            best_loss[:, column] = np.where(inside, c0 - c1**2 / (4 * c2), np.nan)
    return best_n, best_loss


def _coefficients(points: Points, log_c: Floats, best_log_n: Floats, best_loss: Floats) -> Floats | None:
    """E, A, B, alpha, beta and the size exponent from optima; None where they do not determine a law."""
    known = np.isfinite(best_log_n) & np.isfinite(best_loss)
    if known.sum() < 3:
        return None
    x, y, loss = log_c[known], best_log_n[known], best_loss[known]
    size_exponent, intercept = np.polyfit(x, y, 1)
    if not 0.05 < size_exponent < 0.95:
        return None
    curve = _power_law(x, loss)
    if curve is None:
        return None
    floor, log_k, gamma = curve
    alpha, beta = gamma / size_exponent, gamma / (1 - size_exponent)
    middle = x.mean()
    log_n = intercept + size_exponent * middle
    log_d = middle - np.log(points.conventions.flop_per_param_token) - log_n
    reducible = log_k - gamma * middle
    a = np.exp(reducible + np.log(beta / (alpha + beta)) + alpha * log_n)
    b = np.exp(reducible + np.log(alpha / (alpha + beta)) + beta * log_d)
    return np.array([floor, a, b, alpha, beta, size_exponent])


def _power_law(log_c: Floats, loss: Floats) -> tuple[float, float, float] | None:
    """E, ln K and gamma of L = E + K C^-gamma by projection over gamma; None where loss does not fall.

    Three budgets determine the three numbers exactly; the search keeps gamma within what laws of text show.
    """
    centred = log_c - log_c.mean()

    def projected(gamma: float) -> tuple[float, Floats]:
        basis = np.stack([np.ones_like(centred), np.exp(-gamma * centred)], axis=1) / loss[:, None]
        solution, _ = scipy.optimize.nnls(basis, np.ones_like(loss))
        return float(((basis @ solution - 1) ** 2).sum()), np.asarray(solution)

    grid = np.geomspace(0.03, 0.6, 25)
    best = min(grid, key=lambda gamma: projected(float(gamma))[0])
    result = scipy.optimize.minimize_scalar(
        lambda g: projected(float(g))[0], bounds=(best / 1.2, best * 1.2), method="bounded"
    )
    gamma = float(result.x)
    floor, scale = projected(gamma)[1]
    if not (floor > 0 and scale > 0):
        return None
    return float(floor), float(np.log(scale) + gamma * log_c.mean()), gamma
