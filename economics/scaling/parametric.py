r"""The parametric fit: start by variable projection, polish on the Huber objective, intervals by resampling runs.

- From 20 runs on: the centre minimises the published Huber objective; the intervals are percentiles of a bootstrap
  that resamples whole *runs* and solves each resample by variable projection with the same robustness.
- From 8 to 19 runs: five coefficients are more than so few points determine, and what is known beforehand is added
  (see `few_runs`).
- Below 8 runs: the same draws without any centre; only the ends of the range are shown.

Where the tokenizer is known, the law begins where training does (see `untrained`).

Source: Besiroglu et al. 2024 (objective, bootstrap of runs); Rubin 1981, The Bayesian Bootstrap.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from economics.errors import NoAnswerError
from economics.scaling.few_runs import floor_of, map_under_prior, prior_draws, prior_in_words
from economics.scaling.fitted import FittedLaw
from economics.scaling.laws import NAMES, LossLaw
from economics.scaling.noise import noise_of
from economics.scaling.objective import HUBER_DELTA, huber_objective, huber_polish
from economics.scaling.points import Points
from economics.scaling.projection import ProjectionProblem, project_batch, project_grid
from economics.scaling.rules import (
    FEWEST_FOR_BOOTSTRAP,
    FEWEST_FOR_MEDIAN,
    refuse_if_unidentified,
    warnings_of,
)
from economics.scaling.untrained import tokens_of_untrained, with_more_tokens

Floats = NDArray[np.float64]
GRID = np.linspace(0.06, 1.0, 48)
"""Exponents tried for a start."""

MOST_CONFLICT = 1.25
"""Scatter about the law with the floor's prior, over that without, from which on the points contradict it."""

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
    centre = centre_of(points)
    seen, sigma = with_more_tokens(points, centre.D0), centre.noise_sigma
    if few:
        draws = prior_draws(seen, sigma, num_resamples, rng, has_floor="E" in centre.prior)
    else:
        draws = run_draws(seen, centre.coefficients, num_resamples, rng)
    has_centre = points.num_clusters >= FEWEST_FOR_MEDIAN
    return FittedLaw(
        method="parametric",
        law=centre.law(points) if has_centre else None,
        draws=draws,
        noise_sigma=sigma,
        objective=objective_of(seen, centre.coefficients) if has_centre else None,
        figures_from=_figures_from(centre.prior),
        num_points=points.num_points,
        num_clusters=points.num_clusters,
        largest_compute_flop=float(points.compute_flop.max()),
        conventions=points.conventions,
        warnings=tuple(warnings_of(points)),
        D0=centre.D0,
        prior=centre.prior,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Centre:
    """Central coefficients, and what was added to the points to find them."""

    coefficients: Floats
    """(E, A, B, alpha, beta)."""

    D0: float
    """Tokens that an untrained model is worth."""

    noise_sigma: float
    """Scatter of ln loss about them."""

    prior: tuple[str, ...] = ()
    """Coefficients that a prior was added for."""

    def law(self, points: Points) -> LossLaw:
        """The same as a law."""
        numbers = dict(zip(NAMES, map(float, self.coefficients), strict=True))
        return LossLaw(**numbers, D0=self.D0, conventions=points.conventions)


def centre_of(points: Points) -> Centre:
    """The centre by the method that so many runs allow; with the floor's prior unless the points contradict it."""
    if points.num_clusters >= FEWEST_FOR_BOOTSTRAP:
        return _centre(points, central_coefficients, ())
    plain = _centre(points, lambda given: map_under_prior(given)[0], ("alpha", "beta"))
    if floor_of(points.conventions) is None:
        return plain
    floored = _centre(points, lambda given: map_under_prior(given, has_floor=True)[0], ("E", "alpha", "beta"))
    return floored if floored.noise_sigma < MOST_CONFLICT * plain.noise_sigma else plain


def _centre(points: Points, fit: Callable[[Points], Floats], prior: tuple[str, ...]) -> Centre:
    untrained = tokens_of_untrained(points, fit)
    seen = with_more_tokens(points, untrained)
    found = fit(seen)
    return Centre(coefficients=found, D0=untrained, noise_sigma=noise_of(seen, found), prior=prior)


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


def _apart(pairs: Floats) -> list[Floats]:
    """The best pairs of exponents that are not neighbours of a better one."""
    chosen: list[Floats] = []
    for pair in pairs[:400]:
        if all(np.abs(pair - other).max() > 0.1 for other in chosen):
            chosen.append(pair)
        if len(chosen) == NUM_STARTS:
            break
    return chosen


def _figures_from(prior_of: tuple[str, ...]) -> dict[str, str]:
    if prior_of:
        prior = f"prior {prior_in_words(has_floor='E' in prior_of)}"
        return {
            "coefficients": f"variable projection on relative loss, least squares with the {prior}",
            "intervals": f"parametric bootstrap of losses and of the {prior}, each draw by variable projection",
        }
    return {
        "coefficients": "Huber (delta 1e-3) on ln loss, BFGS with analytic gradient, started by variable projection",
        "intervals": "percentile bootstrap of runs, each resample by robust variable projection on relative loss",
    }
