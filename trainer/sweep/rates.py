"""From which learning rate was best at each width to the one for another width.

With two widths or more in the sweep the rule is measured: ln(best rate) is a line in ln(width). With one it is borrowed:
under muP the rate of hidden matrices falls as 1 / width with Adam (Yang et al. 2022, table 3). Best at a width is the
lowest point of a parabola through the results over ln(rate), of the five runs nearest to the best one; where that lies
outside of what was tried, the end is taken and said to lie at the edge.

How sure that is follows from the runs themselves: they are drawn anew with replacement, and no best is known more finely
than half a step of what was tried (a bootstrap; Efron and Tibshirani 1993). A borrowed exponent is taken as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

RATE = "optimizer.learning_rate"
WIDTHS = ("model.model_width", "model.width", "model.hidden_width")
MUP_EXPONENT = -1.0
MIN_RATES = 3
NEAREST = 5
NUM_DRAWS = 100

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """A value with its 80 % interval."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, value: float, draws: Floats) -> Estimate:
        low, high = np.quantile(draws, [0.1, 0.9])
        return cls(value=float(value), low=float(low), high=float(high))


@dataclass(frozen=True, kw_only=True, slots=True)
class BestRate:
    width: float
    rate: Estimate
    num_runs: int
    at_edge: bool
    """The best lies at the end of what was tried: the true one may lie beyond."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RateRule:
    """ln(rate) = intercept + exponent x ln(width), through the measured bests."""

    best: list[BestRate]
    exponent: Estimate
    is_measured: bool
    lines: Floats
    """Exponent and intercept (1 + D, 2): of the bests as they are, then of each draw."""

    def rate_at(self, width: float) -> Estimate:
        rates = np.exp(self.lines @ [np.log(width), 1.0])
        return Estimate.of(rates[0], rates[1:])


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
    runs = {
        width: (np.log([rate for rate, _ in pairs]), np.array([score for _, score in pairs]))
        for width, pairs in sorted(by_width.items())
        if len({rate for rate, _ in pairs}) >= MIN_RATES
    }
    if not runs:
        return None
    chance = np.random.default_rng(0)
    tried = {width: bests(*pairs, chance) for width, pairs in runs.items()}
    lines = lines_through(np.log(list(tried)), np.stack(list(tried.values())))
    return RateRule(
        best=[_best(width, tried[width], *pairs) for width, pairs in runs.items()],
        exponent=Estimate.of(lines[0, 0], lines[1:, 0]),
        is_measured=len(runs) > 1,
        lines=lines,
    )


def bests(x: Floats, scores: Floats, chance: np.random.Generator) -> Floats:
    """Return where the lowest score lies (1 + D,): of the runs as they are, then of each draw of as many."""
    found = [lowest(x, scores)]
    half_step = float(np.median(np.diff(np.unique(x)))) / 2
    for _ in range(NUM_DRAWS):
        drawn = chance.integers(0, len(x), len(x))
        found.append(lowest(x[drawn], scores[drawn]) + chance.uniform(-half_step, half_step))
    return np.array(found)


def lowest(x: Floats, scores: Floats) -> float:
    """Return where a parabola through the points nearest to the lowest has its lowest point, inside of what was tried."""
    tried_best = x[scores.argmin()]
    near = np.argsort(np.abs(x - tried_best), kind="stable")[:NEAREST]
    if len(np.unique(x[near])) < MIN_RATES:
        return float(tried_best)
    curvature, slope, _ = np.polyfit(x[near], scores[near], 2)
    if curvature <= 0:
        return float(tried_best)
    return float(np.clip(-slope / (2 * curvature), x.min(), x.max()))


def lines_through(x: Floats, y: Floats) -> Floats:
    """Return exponent and intercept (D, 2) of the lines through points (W,) and (W, D); of one point with muP's exponent."""
    if len(x) == 1:
        return np.stack([np.full(y.shape[1], MUP_EXPONENT), y[0] - MUP_EXPONENT * x[0]], axis=1)
    lines: Floats = np.polyfit(x, y, 1).T
    return lines


def _best(width: float, draws: Floats, x: Floats, scores: Floats) -> BestRate:
    return BestRate(
        width=width,
        rate=Estimate.of(np.exp(draws[0]), np.exp(draws[1:])),
        num_runs=len(scores),
        at_edge=bool(draws[0] in (x.min(), x.max())),
    )
