r"""The next run: which one shrinks the interval of the wanted number most per dollar?

The draws of a fit say how the wanted number g (a loss at the target, the best size) moves with what a candidate run
would show, y. To first order, having seen y leaves

    Var(g | y)  =  Var(g)  -  Cov(g, y)^2 / (Var(y) + sigma^2),        sigma: noise of one run

so no run has to be simulated. Runs that tell the same are seen through the covariance: choose one, condition the
draws on it, and ask again (`experiments_chosen`).

Source: optimal design for a linear Gaussian model, e.g. Chaloner and Verdinelli 1995.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from economics.errors import InputError
from economics.scaling.fitted import FittedLaw
from economics.scaling.predict import loss_draws

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A run that could be made."""

    num_params: float
    """Its size."""

    num_tokens: float
    """Its tokens."""

    cost_usd: float
    """What it would cost, > 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentValue:
    """What a candidate would teach."""

    candidate: Candidate
    """The run."""

    remaining_sigma_fraction: float
    """Width of the wanted number's interval after the run over before: 0.7 is 30 % narrower."""

    log_shrink_per_usd: float
    """-ln of that, per dollar: what candidates are ranked by."""


def candidates_within(
    fitted: FittedLaw, num_params: Floats, num_tokens: Floats, *, usd_per_flop: float, reach: float = 3.0
) -> list[Candidate]:
    """Runs that a team could make next: a grid from its median compute to `reach` times its largest.

    Smaller runs are cheaper still, and by the formula the best buys; but there a law of this shape no longer holds to
    the per mille that the formula trusts it to.

    Parameters
    ----------
    num_params, num_tokens : of the runs made so far
    usd_per_flop : price of training's model FLOP; any positive number ranks alike

    >>> from economics.scaling.published import published_fit
    >>> found = candidates_within(published_fit(), np.array([1e8, 1e9]), np.array([1e9, 3e10]), usd_per_flop=2e-18)
    >>> max(c.num_params * c.num_tokens for c in found) * 6 <= 3.0 * published_fit().largest_compute_flop
    True
    """
    if not usd_per_flop > 0:
        raise InputError("usd_per_flop", usd_per_flop, "positive")
    per_mix = fitted.conventions.flop_per_param_token
    least, most = float(np.median(per_mix * num_params * num_tokens)), reach * fitted.largest_compute_flop
    sizes = np.geomspace(num_params.min(), num_params.max() * reach, 12)
    ratios = np.geomspace((num_tokens / num_params).min(), (num_tokens / num_params).max(), 8)
    return [
        Candidate(
            num_params=float(n), num_tokens=float(n * ratio), cost_usd=float(per_mix * n * n * ratio * usd_per_flop)
        )
        for n in sizes
        for ratio in ratios
        if least <= per_mix * n * n * ratio <= most
    ]


def experiments_ranked(
    fitted: FittedLaw, candidates: Sequence[Candidate], wanted: Floats, *, num_chosen: int = 1
) -> list[ExperimentValue]:
    """Candidates by how much they shrink the wanted interval per dollar; the best first.

    Parameters
    ----------
    fitted : with its draws
    candidates : runs that could be made
    wanted : the wanted number under every draw of the fit, for example `loss_draws(fitted, N, D)` at the target
    num_chosen : with more than 1, each further one is ranked after conditioning on those before it, and the list
        holds just those chosen, in order

    >>> from economics.scaling.published import published_fit
    >>> fitted = published_fit()
    >>> runs = [Candidate(num_params=n, num_tokens=20 * n, cost_usd=4e-16 * n * n) for n in (1e9, 3e9)]
    >>> ranked = experiments_ranked(fitted, runs, loss_draws(fitted, 7e9, 1e12))
    >>> len(ranked), all(0 < found.remaining_sigma_fraction < 1 for found in ranked)
    (2, True)
    """
    if not candidates or any(candidate.cost_usd <= 0 for candidate in candidates):
        raise InputError("candidates", len(candidates), "at least one, each with a positive cost")
    outcomes = np.log(np.stack([loss_draws(fitted, c.num_params, c.num_tokens) for c in candidates]))
    left = np.asarray(wanted, dtype=float)
    noise = fitted.noise_sigma**2
    if num_chosen <= 1:
        return sorted(_values(candidates, outcomes, left, noise), key=lambda value: -value.log_shrink_per_usd)
    chosen: list[ExperimentValue] = []
    for _ in range(min(num_chosen, len(candidates))):
        values = _values(candidates, outcomes, left, noise)
        taken = {id(value.candidate) for value in chosen}
        best = max((v for v in values if id(v.candidate) not in taken), key=lambda value: value.log_shrink_per_usd)
        chosen.append(best)
        row = next(i for i, candidate in enumerate(candidates) if candidate is best.candidate)
        left, outcomes = _conditioned(left, outcomes, row, noise)
    return chosen


def _values(candidates: Sequence[Candidate], outcomes: Floats, wanted: Floats, noise: float) -> list[ExperimentValue]:
    centred, target = outcomes - outcomes.mean(axis=1, keepdims=True), wanted - wanted.mean()
    covariance = centred @ target / target.size
    explained = covariance**2 / ((centred**2).mean(axis=1) + noise) / max(float((target**2).mean()), 1e-300)
    left = np.sqrt(np.clip(1 - explained, 1e-6, 1.0))
    return [
        ExperimentValue(
            candidate=candidate,
            remaining_sigma_fraction=float(remaining),
            log_shrink_per_usd=float(-np.log(remaining) / candidate.cost_usd),
        )
        for candidate, remaining in zip(candidates, left, strict=True)
    ]


def _conditioned(wanted: Floats, outcomes: Floats, row: int, noise: float) -> tuple[Floats, Floats]:
    """Wanted number and outcomes with the part removed that the chosen run would explain."""
    seen = outcomes[row] - outcomes[row].mean()
    variance = float((seen**2).mean())
    # shrinking deviations by this factor leaves the conditional variance v - v^2 / (v + noise)
    keep = 1 - np.sqrt(noise / (variance + noise))
    slope_wanted = float((wanted - wanted.mean()) @ seen / seen.size) / max(variance, 1e-300)
    slopes = (outcomes - outcomes.mean(axis=1, keepdims=True)) @ seen / seen.size / max(variance, 1e-300)
    return wanted - keep * slope_wanted * seen, outcomes - keep * slopes[:, None] * seen
