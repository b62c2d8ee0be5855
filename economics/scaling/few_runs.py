r"""Fits of fewer than 20 runs: what is known of laws beforehand, and draws that perturb it together with the losses.

Five coefficients are more than so few points determine. Known beforehand, and enough to say what longer runs will do:

- alpha, beta ~ N(0.35, 0.05): a range that holds the exponents of most published fits of language models;
- where the tokenizer is known, ln E ~ N(ln 0.6 bits a byte, 0.4): what text cannot be predicted by. Published floors, 1.7 to
  1.9 nats a token of four to four and a half bytes, are 0.55 to 0.65 bits a byte; code lies lower, noisy text higher. Short
  ladders lie so far above it that without it their floor is whatever bends the curve as the exponents like it best: often
  twice as high, and all that is beyond the ladder then looks hopeless.

The centre is the least squares fit under these; each draw perturbs the losses by the noise *and* the prior's centres by
their spreads, then fits again. For a linear model that is exactly the posterior (randomise, then optimise). The floor
enters as one more point, at a size and token count without end. Runs so short that they have hardly begun to learn
contradict it (they scatter by more about a law that ends there than about one that does not): then it is left out.

Source: Bardsley et al. 2014, Randomize-Then-Optimize.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from economics.scaling.conventions import Conventions
from economics.scaling.noise import degrees_used, noise_of
from economics.scaling.points import Points
from economics.scaling.projection import ProjectionProblem, project_batch

Floats = NDArray[np.float64]
PRIOR_MEAN, PRIOR_SIGMA = 0.35, 0.05
"""Prior of alpha and of beta."""

FLOOR_BITS_PER_BYTE, FLOOR_SIGMA = 0.6, 0.4
"""Prior of E: its median, and the spread of its logarithm."""

LOG_ENDLESS = 60.0
"""How far beyond the largest run the floor's point lies, in ln N and ln D: nothing is left of either term there."""


def map_under_prior(points: Points, *, has_floor: bool = False) -> tuple[Floats, float]:
    """Least squares on relative loss under what is known beforehand; the noise is found along the way.

    Returns the coefficients and the noise.
    """
    sigma, found = 0.005, np.empty(0)
    for _ in range(6):
        centre = np.full((1, 2), PRIOR_MEAN)
        shock = np.ones(1) if has_floor else None
        problem = _problem(points, points.loss[None, :], np.array([sigma]), centre, floor_shock=shock)
        found = project_batch(problem, np.full(2, PRIOR_MEAN))[0][0]
        sigma = noise_of(points, found)
    return found, sigma


def prior_draws(
    points: Points, sigma: float, num_resamples: int, rng: np.random.Generator, *, has_floor: bool = False
) -> Floats:
    """Draws that perturb losses and prior together; the noise itself is uncertain with so few points."""
    _, index = np.unique(points.run, return_inverse=True)
    freedom = max(points.num_clusters - degrees_used(points.num_clusters), 1.0)
    sigmas = sigma * np.sqrt(freedom / rng.chisquare(freedom, size=num_resamples))
    shocks = rng.standard_normal((num_resamples, int(index.max()) + 1))[:, index] * sigmas[:, None]
    centre = PRIOR_MEAN + PRIOR_SIGMA * rng.standard_normal((num_resamples, 2))
    floor_shock = np.exp(FLOOR_SIGMA * rng.standard_normal(num_resamples)) if has_floor else None
    problem = _problem(points, points.loss * np.exp(shocks), sigmas, centre, floor_shock=floor_shock)
    draws, _ = project_batch(problem, np.full(2, PRIOR_MEAN))
    usable = (draws[:, 1:] > 0).all(axis=1) & np.isfinite(draws).all(axis=1)
    return np.asarray(draws[usable])


def floor_of(conventions: Conventions) -> float | None:
    """Median of the floor's prior in the convention's unit; None where that cannot be said."""
    return conventions.loss_of_bits(FLOOR_BITS_PER_BYTE)


def prior_in_words(*, has_floor: bool) -> str:
    """Say what is added to the points."""
    words = f"alpha, beta ~ N({PRIOR_MEAN}, {PRIOR_SIGMA})"
    if not has_floor:
        return words
    return f"{words}, E about {FLOOR_BITS_PER_BYTE} bits a byte within a factor of {np.exp(FLOOR_SIGMA):.1f}"


def _problem(
    points: Points, loss: Floats, sigmas: Floats, centre: Floats, *, floor_shock: Floats | None
) -> ProjectionProblem:
    """The projection of each row of losses (draws, n), with the floor as a last point where it counts."""
    log_n, log_d = np.log(points.num_params), np.log(points.num_tokens)
    weight = np.tile(points.weight, (len(sigmas), 1))
    floor = floor_of(points.conventions)
    if floor is not None and floor_shock is not None:
        log_n, log_d = (np.append(x, x.max() + LOG_ENDLESS) for x in (log_n, log_d))
        loss = np.column_stack([loss, floor * floor_shock])
        weight = np.column_stack([weight, (sigmas / FLOOR_SIGMA) ** 2])
    return ProjectionProblem(
        log_n=log_n, log_d=log_d, loss=loss, weight=weight, huber_delta=None,
        prior_mean=centre, prior_precision=(sigmas / PRIOR_SIGMA) ** 2,
    )  # fmt: skip
