r"""What more data is worth where tokens may repeat: the fall of the cheapest cost of a loss as unique tokens grow.

With U unique tokens the cheapest mix that reaches the loss is found over sizes, each with the tokens, repeats included,
that it needs; repeats are worth less by the law of repeated data. The next million tokens save -dC/dU x 10^6.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from economics.errors import InputError, NoAnswerError
from economics.plan.scan import loss_grid
from economics.scaling.inference_aware import ServedDemand
from economics.scaling.laws import LossLaw
from economics.scaling.published import published_data_constrained_law

Floats = NDArray[np.float64]
SIZES = 400
MOST_EPOCHS = 16.0
"""Repeats beyond which the law of repeated data is not trusted."""

STEP = 0.02
"""Relative growth of the unique tokens over which the slope is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatedDataValue:
    """What more unique tokens would save, repeats allowed."""

    usd_per_million_tokens: float
    """Of the next million; 0 where the cheapest mix repeats nothing."""

    binds: bool
    """Whether the cheapest mix repeats tokens."""

    cost_usd: float
    """Cheapest cost of the loss, training and serving."""

    num_epochs: float
    """Of the cheapest mix."""


def cheapest_cost_usd(law: LossLaw, *, loss: float, unique_tokens: float, demand: ServedDemand) -> tuple[float, float]:
    """The least cost of training and serving that reaches the loss, and the tokens seen of that mix.

    Raises
    ------
    NoAnswerError : if up to sixteen epochs of these tokens cannot reach the loss at any size
    """
    sizes = np.geomspace(1e6, 4e12, SIZES)
    tokens = np.geomspace(unique_tokens * 1e-4, unique_tokens * MOST_EPOCHS, SIZES)
    repeated = published_data_constrained_law()
    grid = loss_grid(law, sizes, tokens, unique_tokens, (repeated.R_D_star, repeated.R_N_star))
    needed = np.full(SIZES, np.nan)
    for row in range(SIZES):
        if grid[row].min() > loss:
            continue
        at = int(np.argmax(grid[row] <= loss))
        if at == 0:
            needed[row] = tokens[0]
            continue
        share = (grid[row, at - 1] - loss) / (grid[row, at - 1] - grid[row, at])
        needed[row] = tokens[at - 1] * (tokens[at] / tokens[at - 1]) ** share
    if np.isnan(needed).all():
        raise NoAnswerError(
            f"{unique_tokens:.3g} unique tokens, seen up to {MOST_EPOCHS:g} times, cannot reach a loss of {loss:.4g} at any size."
        )
    flop = law.conventions.flop_per_param_token
    cost = np.array([demand.cost_usd(n, d, flop) for n, d in zip(sizes, needed, strict=True)])
    best = int(np.nanargmin(cost))
    return _vertex(sizes, cost, best), float(needed[best])


def _vertex(sizes: Floats, cost: Floats, best: int) -> float:
    """Least of the parabola through the best size and its neighbours: the grid's steps would spoil a slope."""
    if not 0 < best < sizes.size - 1 or np.isnan(cost[[best - 1, best + 1]]).any():
        return float(cost[best])
    left, middle, right = np.log(cost[best - 1 : best + 2])
    bend = left - 2 * middle + right
    return float(np.exp(middle - (left - right) ** 2 / (8 * bend))) if bend > 0 else float(cost[best])


def repeated_data_value(law: LossLaw, *, loss: float, unique_tokens: float, demand: ServedDemand) -> RepeatedDataValue:
    """Dollars that the next million unique tokens save at equal loss.

    >>> from economics.scaling.published import published_law
    >>> law = published_law()
    >>> target = law.optimum(1e22)
    >>> money = ServedDemand(training_usd_per_flop=2e-18)
    >>> repeated_data_value(law, loss=target.loss, unique_tokens=3 * target.num_tokens, demand=money).binds
    False
    >>> scarce = repeated_data_value(law, loss=target.loss, unique_tokens=target.num_tokens / 4, demand=money)
    >>> scarce.binds, 0.01 < scarce.usd_per_million_tokens < 1.0
    (True, True)
    """
    if not unique_tokens > 0:
        raise InputError("unique_tokens", unique_tokens, "positive")
    cost, seen = cheapest_cost_usd(law, loss=loss, unique_tokens=unique_tokens, demand=demand)
    if seen <= unique_tokens:
        return RepeatedDataValue(usd_per_million_tokens=0.0, binds=False, cost_usd=cost, num_epochs=1.0)
    more, _seen = cheapest_cost_usd(law, loss=loss, unique_tokens=unique_tokens * (1 + STEP), demand=demand)
    saved = max(0.0, cost - more) / (STEP * unique_tokens) * 1e6
    return RepeatedDataValue(usd_per_million_tokens=saved, binds=True, cost_usd=cost, num_epochs=seen / unique_tokens)
