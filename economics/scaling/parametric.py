r"""The parametric fit: start by variable projection, polish on the Huber objective, intervals by resampling runs.

- From 20 runs on: the centre minimises the published Huber objective; the intervals are percentiles of a bootstrap
  that resamples whole *runs* and solves each resample by variable projection with the same robustness.
- From 8 to 19 runs: five coefficients are more than so few points determine. A prior alpha, beta ~ N(0.35, 0.05)
  is added (a range that holds the exponents of most published fits of language models), the centre is the least
  squares fit under it, and each draw perturbs the losses by the noise *and* the prior's centre by its spread, then
  fits again. For a linear model that is exactly the posterior (randomise, then optimise).
- Below 8 runs: the same draws without any centre; only the ends of the range are shown.

Source: Besiroglu et al. 2024 (objective, bootstrap of runs); Rubin 1981, The Bayesian Bootstrap;
Bardsley et al. 2014, Randomize-Then-Optimize.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from economics.errors import NoAnswerError
from economics.scaling.fitted import FittedLaw
from economics.scaling.laws import NAMES, LossLaw
from economics.scaling.objective import HUBER_DELTA, huber_objective, huber_polish
from economics.scaling.points import Points
from economics.scaling.projection import ProjectionProblem, project_batch, project_grid
from economics.scaling.rules import (
    FEWEST_FOR_BOOTSTRAP,
    FEWEST_FOR_MEDIAN,
    refuse_if_unidentified,
    warnings_of,
)

Floats = NDArray[np.float64]
PRIOR_MEAN, PRIOR_SIGMA = 0.35, 0.05
"""Prior of alpha and of beta below 20 runs."""

GRID = np.linspace(0.06, 1.0, 48)
"""Exponents tried for a start."""

NUM_COEFFICIENTS = 5

NUM_STARTS = 4
"""Local minima of the grid that are polished; the best is kept."""


def fit_parametric(points: Points, *, num_resamples: int = 1000, seed: int = 0) -> FittedLaw:
    """Fit E + A / N^alpha + B / D^beta.

    Parameters
    ----------
    points : at least 4, at more than one ratio of tokens to parameters
    num_resamples : bootstrap resamples, > 0; 1,000 of 240 points take about half a second
    seed : makes the intervals repeatable

    Raises
    ------
    NoAnswerError : if all runs lie on one ray of D / N

    >>> truth = LossLaw(E=1.8, A=480.0, B=2100.0, alpha=0.35, beta=0.37)
    >>> n, d = (x.ravel() for x in np.meshgrid(np.geomspace(1e8, 1e10, 5), np.geomspace(1e9, 1e11, 5)))
    >>> fitted = fit_parametric(Points(num_params=n, num_tokens=d, loss=truth.loss(n, d)), num_resamples=20)
    >>> {name: round(value, 3) for name, value in fitted.law.coefficients.items() if name not in "AB"}
    {'E': 1.8, 'alpha': 0.35, 'beta': 0.37}
    """
    refuse_if_unidentified(points)
    rng = np.random.default_rng([seed, 7])
    few = points.num_clusters < FEWEST_FOR_BOOTSTRAP
    centre = map_under_prior(points)[0] if few else central_coefficients(points)
    sigma = noise_of(points, centre)
    draws = _prior_draws(points, sigma, num_resamples, rng) if few else run_draws(points, centre, num_resamples, rng)
    has_centre = points.num_clusters >= FEWEST_FOR_MEDIAN
    return FittedLaw(
        method="parametric",
        law=LossLaw(**dict(zip(NAMES, map(float, centre), strict=True)), conventions=points.conventions)
        if has_centre
        else None,
        draws=draws,
        noise_sigma=sigma,
        objective=objective_of(points, centre) if has_centre else None,
        figures_from=_figures_from(few),
        num_points=points.num_points,
        num_clusters=points.num_clusters,
        largest_compute_flop=float(points.compute_flop.max()),
        conventions=points.conventions,
        warnings=tuple(warnings_of(points)),
    )


def central_coefficients(points: Points) -> Floats:
    """Minimise the Huber objective from the best starts of a grid over the exponents."""
    log_n, log_d, log_loss = np.log(points.num_params), np.log(points.num_tokens), np.log(points.loss)
    pairs, _ = project_grid(log_n, log_d, points.loss, points.weight, GRID, GRID)
    polished = []
    for start in _apart(pairs):
        problem = ProjectionProblem(
            log_n=log_n, log_d=log_d, loss=points.loss, weight=points.weight[None, :], huber_delta=HUBER_DELTA
        )
        projected, _ = project_batch(problem, start)
        polished.append(huber_polish(projected[0], log_n, log_d, log_loss, points.weight))
    return min(polished, key=lambda found: found[1])[0]


def map_under_prior(points: Points) -> tuple[Floats, float]:
    """Least squares on relative loss with the prior on the exponents; the noise is found along the way.

    Returns the coefficients and the noise.
    """
    log_n, log_d = np.log(points.num_params), np.log(points.num_tokens)
    sigma, found = 0.005, np.empty(0)
    for _ in range(6):
        problem = ProjectionProblem(
            log_n=log_n,
            log_d=log_d,
            loss=points.loss,
            weight=points.weight[None, :],
            huber_delta=None,
            prior_mean=np.full((1, 2), PRIOR_MEAN),
            prior_precision=(sigma / PRIOR_SIGMA) ** 2,
        )
        found = project_batch(problem, np.full(2, PRIOR_MEAN))[0][0]
        sigma = noise_of(points, found)
    return found, sigma


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


def objective_of(points: Points, coefficients: Floats) -> float:
    """The Huber objective at given coefficients."""
    e, a, b, alpha, beta = coefficients
    theta = np.array([np.log(max(a, 1e-300)), np.log(max(b, 1e-300)), np.log(max(e, 1e-300)), alpha, beta])
    logs = (np.log(points.num_params), np.log(points.num_tokens), np.log(points.loss))
    return huber_objective(theta, *logs, points.weight)[0]


def cluster_weights(points: Points, num_resamples: int, rng: np.random.Generator, *, smooth: bool = True) -> Floats:
    """Weights of resamples by whole runs, (resamples, points).

    `smooth` weighs every run by an exponential draw (the Bayesian bootstrap) instead of counting how often it was
    drawn with replacement. Mean and variance of the weights are the same, but no run ever vanishes, so that 24 runs
    always determine five coefficients; counted resamples of few runs spread too widely (93 % inside an 80 % interval).
    """
    _, index = np.unique(points.run, return_inverse=True)
    size = int(index.max()) + 1
    if smooth:
        counts = rng.standard_exponential((num_resamples, size))
        counts *= size / counts.sum(axis=1, keepdims=True)
    else:
        counts = rng.multinomial(size, np.full(size, 1 / size), size=num_resamples).astype(float)
    return np.asarray(counts[:, index] * points.weight)


def run_draws(points: Points, centre: Floats, num_resamples: int, rng: np.random.Generator) -> Floats:
    """Coefficients of resamples of runs."""
    weight = cluster_weights(points, num_resamples, rng)
    problem = ProjectionProblem(
        log_n=np.log(points.num_params),
        log_d=np.log(points.num_tokens),
        loss=points.loss,
        weight=weight,
        huber_delta=HUBER_DELTA,
    )
    draws, _ = project_batch(problem, centre[3:])
    # a floor of 0 is allowed: ladders far from their floor do not determine it
    usable = (draws[:, 1:] > 0).all(axis=1) & np.isfinite(draws).all(axis=1)
    if usable.mean() < 0.5:
        raise NoAnswerError(
            f"Only {usable.sum()} of {num_resamples} resamples of the runs gave a law; the points do not determine one."
        )
    return np.asarray(draws[usable])


def _prior_draws(points: Points, sigma: float, num_resamples: int, rng: np.random.Generator) -> Floats:
    """Draws that perturb losses and prior together; the noise itself is uncertain with so few points."""
    _, index = np.unique(points.run, return_inverse=True)
    freedom = max(points.num_clusters - degrees_used(points.num_clusters), 1.0)
    sigmas = sigma * np.sqrt(freedom / rng.chisquare(freedom, size=num_resamples))
    shocks = rng.standard_normal((num_resamples, int(index.max()) + 1))[:, index] * sigmas[:, None]
    problem = ProjectionProblem(
        log_n=np.log(points.num_params),
        log_d=np.log(points.num_tokens),
        loss=points.loss * np.exp(shocks),
        weight=np.tile(points.weight, (num_resamples, 1)),
        huber_delta=None,
        prior_mean=PRIOR_MEAN + PRIOR_SIGMA * rng.standard_normal((num_resamples, 2)),
        prior_precision=(sigmas / PRIOR_SIGMA) ** 2,
    )
    draws, _ = project_batch(problem, np.full(2, PRIOR_MEAN))
    usable = (draws[:, 1:] > 0).all(axis=1) & np.isfinite(draws).all(axis=1)
    return np.asarray(draws[usable])


def _apart(pairs: Floats) -> list[Floats]:
    """The best pairs of exponents that are not neighbours of a better one."""
    chosen: list[Floats] = []
    for pair in pairs[:400]:
        if all(np.abs(pair - other).max() > 0.1 for other in chosen):
            chosen.append(pair)
        if len(chosen) == NUM_STARTS:
            break
    return chosen


def _figures_from(few: bool) -> dict[str, str]:
    if few:
        prior = f"prior alpha, beta ~ N({PRIOR_MEAN}, {PRIOR_SIGMA})"
        return {
            "coefficients": f"variable projection on relative loss, least squares with the {prior}",
            "intervals": f"parametric bootstrap of losses and of the {prior}, each draw by variable projection",
        }
    return {
        "coefficients": "Huber (delta 1e-3) on ln loss, BFGS with analytic gradient, started by variable projection",
        "intervals": "percentile bootstrap of runs, each resample by robust variable projection on relative loss",
    }
