"""From which learning rate was best at each width to the one for another width.

With two widths or more in the sweep the rule is measured: ln(best rate) is a line in ln(width). With one it is borrowed:
under muP the rate of hidden matrices falls as 1 / width with Adam (Yang et al. 2022, table 3). Best at a width is the
lowest point of a parabola through the results over ln(rate); where that lies outside of what was tried, the best one tried
is taken and said to lie at the edge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

RATE = "optimizer.learning_rate"
WIDTHS = ("model.model_width", "model.width", "model.hidden_width")
MUP_EXPONENT = -1.0
MIN_RATES = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class BestRate:
    width: float
    rate: float
    num_runs: int
    at_edge: bool
    """The best lies at the end of what was tried: the true one may lie beyond."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RateRule:
    """rate = rates[0] x (width / widths[0]) ** exponent, through the measured bests."""

    best: list[BestRate]
    exponent: float
    is_measured: bool
    intercept: float

    def rate_at(self, width: float) -> float:
        return float(np.exp(self.intercept + self.exponent * np.log(width)))


def width_of(model: Mapping[str, Any]) -> float | None:
    """Return the width of a model's settings; None where it has none by these names."""
    return next((float(value) for name in WIDTHS if (value := model.get(name.partition(".")[2]))), None)


def width_setting(names: Sequence[str]) -> str | None:
    return next((name for name in WIDTHS if name in names), None)


def rate_rule(
    values: Sequence[dict[str, Any]], results: Sequence[float], *, lower_is_better: bool, fixed_width: float | None
) -> RateRule | None:
    """Return the rule from trials that have a result; None where no width has three rates."""
    sign = 1.0 if lower_is_better else -1.0
    by_width: dict[float, list[tuple[float, float]]] = {}
    for each, result in zip(values, results, strict=True):
        name = width_setting(list(each))
        width = float(each[name]) if name else fixed_width
        if RATE in each and width:
            by_width.setdefault(width, []).append((float(each[RATE]), sign * result))
    best = [found for width, pairs in sorted(by_width.items()) if (found := best_rate(width, pairs))]
    if not best:
        return None
    x, y = np.log([each.width for each in best]), np.log([each.rate for each in best])
    if len(best) > 1:
        exponent, intercept = np.polyfit(x, y, 1)
        return RateRule(best=best, exponent=float(exponent), is_measured=True, intercept=float(intercept))
    intercept = float(y[0] - MUP_EXPONENT * x[0])
    return RateRule(best=best, exponent=MUP_EXPONENT, is_measured=False, intercept=intercept)


def best_rate(width: float, pairs: list[tuple[float, float]]) -> BestRate | None:
    """Return the rate at which a width did best, lower results being better; None for fewer than three rates."""
    rates = np.array([rate for rate, _ in pairs])
    scores = np.array([score for _, score in pairs])
    if len(np.unique(rates)) < MIN_RATES:
        return None
    tried_best = float(rates[scores.argmin()])
    curve = np.polyfit(np.log(rates), scores, 2)
    lowest = -curve[1] / (2 * curve[0]) if curve[0] > 0 else -np.inf  # in the logarithm
    inside = np.log(rates.min()) < lowest < np.log(rates.max())
    at_edge = not inside and tried_best in (rates.min(), rates.max())
    rate = float(np.exp(lowest)) if inside else tried_best
    return BestRate(width=width, rate=rate, num_runs=len(pairs), at_edge=at_edge)
