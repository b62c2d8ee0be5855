r"""A ladder before its first run: which sizes and token counts narrow the interval of the wanted loss most for the money?

Before any run there is only a belief about the law: exponents as most published fits have them, and at a reference
size and token count a share of the loss that the model and the data each still cost. To first order, having seen losses
y of a set of runs leaves of the wanted number g

    Var(g | y)  =  Var(g)  -  c' (S + sigma^2 I)^-1 c,        c = Cov(y, g),  S = Cov(y)

and what the law's form misses beyond its runs is added, as for every prediction. Shapes of ladders (how many sizes, how
far apart, how their tokens grow with size) are scaled until each takes the same time, and the one that leaves least wins.

Source: Bayesian optimal design of a linear model, Chaloner and Verdinelli 1995.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from economics.errors import InputError, NoAnswerError
from economics.scaling.few_runs import PRIOR_MEAN, PRIOR_SIGMA
from economics.scaling.predict import form_sigma

Floats = NDArray[np.float64]
RUN_NOISE_SIGMA = 0.006
"""Scatter of ln loss of small runs about a law, before any was made."""

NUM_SIZES = (3, 4)
SIZE_RATIOS = (1.6, 2.0, 2.6, 3.4)
TOKEN_POWERS = (-0.5, 0.0, 0.5)
"""Tokens of a size ~ N^power: below 0 towards equal compute, 0 a full grid, above 0 towards one D / N ray."""

TOKENS_PER_PARAM = (8.0, 20.0, 50.0, 120.0)
"""Of the middle size's longest run."""

COOLDOWNS = (0.25, 0.5, 1.0)
"""Where a trunk cools down, as shares of its longest run: a factor of four in tokens for little extra time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SizePlan:
    """One size of a ladder, with the token counts at which it is measured."""

    num_params: float
    """Size."""

    num_tokens: tuple[float, ...]
    """Token counts, rising; the trunk goes on from each to the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderDesign:
    """Sizes, and how well they would tell the wanted loss."""

    sizes: tuple[SizePlan, ...]
    """Smallest first."""

    seconds: float
    """Time of all of it."""

    remaining_sigma: float
    """Standard deviation of ln loss that would be left at the target, noise and form included."""

    sigma_before: float
    """The same before any run."""


def belief_before_runs(num_params: float, num_tokens: float, *, num_draws: int = 500, seed: int = 0) -> Floats:
    """Draws of (E, A, B, alpha, beta) for someone who has run nothing yet.

    Exponents as the prior of fits of few runs; at the reference size and token count the floor, the model's share and the
    data's share of the loss are each known to about a factor of 1.6.

    >>> draws = belief_before_runs(1e6, 2e7)
    >>> loss = draws[:, 0] + draws[:, 1] * 1e6 ** -draws[:, 3] + draws[:, 2] * 2e7 ** -draws[:, 4]
    >>> draws.shape, bool(2 < np.median(loss) < 5)
    ((500, 5), True)
    """
    rng = np.random.default_rng([seed, 11])
    alpha, beta = np.clip(PRIOR_MEAN + PRIOR_SIGMA * rng.standard_normal((2, num_draws)), 0.1, 1.0)
    floor, of_model, of_data = np.exp(np.log([[1.5], [1.0], [0.8]]) + 0.45 * rng.standard_normal((3, num_draws)))
    return np.stack([floor, of_model * num_params**alpha, of_data * num_tokens**beta, alpha, beta], axis=1)


def remaining_sigma(
    draws: Floats, num_params: Floats, num_tokens: Floats, target: tuple[float, float], *, noise_sigma: float
) -> float:
    """Standard deviation of ln loss left at a target after runs at these sizes and tokens.

    >>> draws = belief_before_runs(1e6, 2e7)
    >>> n, d = np.array([3e5, 1e6, 3e6]), np.array([2e7, 2e7, 2e7])
    >>> few = remaining_sigma(draws, n[:1], d[:1], (1e7, 2e8), noise_sigma=0.005)
    >>> remaining_sigma(draws, n, d, (1e7, 2e8), noise_sigma=0.005) < few
    True
    """
    wanted = _log_loss(draws, np.array([target[0]]), np.array([target[1]]))[:, 0]
    seen = _log_loss(draws, num_params, num_tokens)
    wanted, seen = wanted - wanted.mean(), seen - seen.mean(axis=0)
    size = wanted.size
    covariance = seen.T @ seen / size + noise_sigma**2 * np.eye(seen.shape[1])
    with_wanted = seen.T @ wanted / size
    left = float(wanted @ wanted) / size - float(with_wanted @ np.linalg.solve(covariance, with_wanted))
    reach = target[0] * target[1] / float((num_params * num_tokens).max())
    return float(np.sqrt(max(left, 0.0) + noise_sigma**2 + form_sigma(reach, noise_sigma) ** 2))


def believed_sigma(draws: Floats, target: tuple[float, float]) -> float:
    """Standard deviation of ln loss at a target, before any run.

    >>> 0.1 < believed_sigma(belief_before_runs(1e6, 2e7), (1e7, 2e8)) < 0.5
    True
    """
    return float(_log_loss(draws, np.array([target[0]]), np.array([target[1]])).std())


def ladder_design(
    seconds_of: Callable[[Sequence[SizePlan]], float],
    *,
    budget_seconds: float,
    target: tuple[float, float] | None = None,
    target_ratio: float = 10.0,
    least_params: float = 3e4,
    least_tokens: float = 0.0,
    most_tokens: float = np.inf,
    draws: Floats | None = None,
    noise_sigma: float = RUN_NOISE_SIGMA,
) -> LadderDesign:
    """The ladder that tells the wanted loss best for a time.

    Parameters
    ----------
    seconds_of : time of a whole ladder of given sizes, repeated rung and starts of processes included; rising in size
    budget_seconds : time to be spent
    target : size and tokens of the run to be predicted; unless given, the best mix by the belief for `target_ratio` times
        the compute of what the budget buys in one piece
    least_params : smallest size that can be made
    least_tokens, most_tokens : of any run
    draws : belief about the law; that of someone who has run nothing unless given

    Raises
    ------
    NoAnswerError : if the budget is too small for any ladder

    >>> def seconds_of(sizes):
    ...     return sum(6 * size.num_params * size.num_tokens[-1] / 1e11 + 20 for size in sizes)
    >>> found = ladder_design(seconds_of, budget_seconds=3600)
    >>> 3400 < found.seconds <= 3600, len(found.sizes) in (3, 4), found.remaining_sigma < found.sigma_before
    (True, True, True)
    """
    if not budget_seconds > 0:
        raise InputError("budget_seconds", budget_seconds, "positive")
    best: LadderDesign | None = None
    scaled = list(_scaled_shapes(seconds_of, budget_seconds, least_params, least_tokens, most_tokens))
    if not scaled:
        raise NoAnswerError(
            f"{budget_seconds:.0f} seconds are too few for a ladder of three sizes here; give it more time, or smaller rungs."
        )
    wanted = target or _target_of(
        max(size.num_params * size.num_tokens[-1] for s in scaled for size in s), target_ratio
    )
    belief = draws if draws is not None else belief_before_runs(wanted[0] / 10, wanted[1] / 10)
    before = believed_sigma(belief, wanted)
    for sizes in scaled:
        n, d = grid_of(sizes)
        sigma = remaining_sigma(belief, n, d, wanted, noise_sigma=noise_sigma)
        if best is None or sigma < best.remaining_sigma:
            best = LadderDesign(
                sizes=tuple(sizes), seconds=seconds_of(sizes), remaining_sigma=sigma, sigma_before=before
            )
    assert best is not None
    return best


def grid_of(sizes: Sequence[SizePlan]) -> tuple[Floats, Floats]:
    """Sizes and tokens of all points of a ladder."""
    pairs = [(size.num_params, tokens) for size in sizes for tokens in size.num_tokens]
    n, d = np.array(pairs, dtype=float).T
    return n, d


def _target_of(largest_mix: float, ratio: float) -> tuple[float, float]:
    """A mix at 20 tokens a parameter with so many times the compute of the largest run."""
    num_params = float(np.sqrt(ratio * largest_mix / 20.0))
    return num_params, 20.0 * num_params


def _scaled_shapes(
    seconds_of: Callable[[Sequence[SizePlan]], float],
    budget_seconds: float,
    least_params: float,
    least_tokens: float,
    most_tokens: float,
) -> Iterator[list[SizePlan]]:
    """Every shape, scaled to take the budget; those that fall below or above what can be run are left out."""
    for count, ratio, power, per_param in product(NUM_SIZES, SIZE_RATIOS, TOKEN_POWERS, TOKENS_PER_PARAM):
        steps = [float(step) for step in ratio ** (np.arange(count) - (count - 1) / 2)]
        low, high = np.log(1e3), np.log(1e13)
        for _ in range(36):
            middle = (low + high) / 2
            low, high = (
                (middle, high)
                if seconds_of(_shape(float(np.exp(middle)), steps, power, per_param)) <= budget_seconds
                else (low, middle)
            )
        sizes = _shape(float(np.exp(low)), steps, power, per_param)
        tokens = [t for size in sizes for t in size.num_tokens]
        if sizes[0].num_params >= least_params and min(tokens) >= least_tokens and max(tokens) <= most_tokens:
            yield sizes


def _shape(middle: float, steps: Sequence[float], power: float, per_param: float) -> list[SizePlan]:
    """Sizes about a middle one; their tokens go with size to a power."""
    return [
        SizePlan(
            num_params=middle * step,
            num_tokens=tuple(per_param * middle * step**power * share for share in COOLDOWNS),
        )
        for step in steps
    ]


def _loss(draws: Floats, num_params: Floats, num_tokens: Floats) -> Floats:
    e, a, b, alpha, beta = (column[:, None] for column in draws.T)
    return np.asarray(e + a * num_params ** (-alpha) + b * num_tokens ** (-beta))


def _log_loss(draws: Floats, num_params: Floats, num_tokens: Floats) -> Floats:
    return np.asarray(np.log(_loss(draws, num_params, num_tokens)))
