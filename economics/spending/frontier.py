"""What quality costs: the runs that nothing beats at their cost, and the price of one more point there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from economics.uncertainty.intervals import Interval, interval_of

NUM_DRAWS = 4_000
LEAST_RUNS = 3
"""Through two points there is always a line; it says nothing of how sure it is."""
ASSUMED_LOSS_NOISE = 0.004
"""Relative spread of the loss from seed to seed where no run was repeated: a few tenths of a percent are usual for small
language models. An assumption, shown beside the number it widens; one repeated rung replaces it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bought:
    """A run: what was paid, and the loss that it bought (lower is better)."""

    name: str
    usd: float
    loss: float


@dataclass(frozen=True, kw_only=True, slots=True)
class MarginalCost:
    """What one more point costs at the best run of the frontier."""

    usd_per_point: Interval
    point: float
    """Size of a point, in units of loss."""

    at_usd: float
    at_loss: float
    num_runs: int
    loss_noise: float
    """Relative spread from seed to seed that the interval allows for."""

    noise_is_assumed: bool


def frontier(runs: Sequence[Bought]) -> list[Bought]:
    """Return the runs that no cheaper run equals in loss, cheapest first.

    >>> [r.name for r in frontier([Bought(name="a", usd=1, loss=3), Bought(name="b", usd=2, loss=3.5)])]
    ['a']
    """
    best: list[Bought] = []
    for run in sorted(runs, key=lambda r: (r.usd, r.loss)):
        if not best or run.loss < best[-1].loss:
            best.append(run)
    return best


def marginal_cost(
    runs: Sequence[Bought], *, point: float = 0.01, loss_noise: float | None = None, seed: int = 1
) -> MarginalCost | None:
    """Return what one more point of loss costs at the frontier's best run; None where too few runs are known.

    Along a frontier the cost grows as exp(-b loss): ln(cost) is fitted to the loss of the frontier's runs, and one point
    below the best run costs cost x (exp(b point) - 1). The interval has two parts: which runs happened to be made (drawn
    again with repetition) and the spread of the loss from seed to seed.
    """
    paid = [run for run in runs if run.usd > 0 and run.loss > 0]
    best = frontier(paid)
    if len(best) < LEAST_RUNS:
        return None
    noise = ASSUMED_LOSS_NOISE if loss_noise is None else loss_noise
    draws = np.random.default_rng(seed)
    cost, loss = np.array([r.usd for r in paid]), np.array([r.loss for r in paid])
    found = [_drawn_slope(cost, loss, noise, draws) for _ in range(NUM_DRAWS)]
    slopes = np.array([slope for slope in found if slope is not None])
    if slopes.size < NUM_DRAWS / 2:
        return None
    top = best[-1]
    usd = top.usd * np.expm1(np.minimum(slopes * point, 50.0))
    return MarginalCost(
        usd_per_point=interval_of(usd),
        point=point,
        at_usd=top.usd,
        at_loss=top.loss,
        num_runs=len(best),
        loss_noise=noise,
        noise_is_assumed=loss_noise is None,
    )


def _drawn_slope(
    cost: np.ndarray, loss: np.ndarray, noise: float, draws: np.random.Generator
) -> float | None:  # fmt: skip
    """Return -d ln(cost) / d loss of one drawn frontier; None if the draw has no frontier to fit."""
    picked = draws.integers(0, cost.size, cost.size)
    usd = cost[picked]
    got = loss[picked] * (1 + noise * draws.standard_normal(cost.size))
    order = np.lexsort((got, usd))
    usd, got = usd[order], got[order]
    lowest = np.minimum.accumulate(got)
    on_frontier = np.concatenate(([True], got[1:] < lowest[:-1]))
    x, y = got[on_frontier], np.log(usd[on_frontier])
    if x.size < 2 or np.ptp(x) == 0:
        return None
    slope = -np.polyfit(x, y, 1)[0]
    return float(slope) if slope > 0 else None
