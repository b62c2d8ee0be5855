"""Compare options on common random numbers: who is cheaper how often, the regret of each, and what flips the choice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from economics.errors import InputError
from economics.plan.options import INPUTS, Demand, Option, option_cost
from economics.uncertainty import Distribution, Interval, as_distribution, draw_jointly, interval_of

Floats = NDArray[np.float64]
FARTHEST_FACTOR = 100.0
"""How far from its central value an input is moved in search of a flip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionResult:
    """One option among the others."""

    option: Option
    """What it is."""

    cost_usd: Interval
    """Present value over the horizon."""

    probability_cheapest: float
    """Share of the joint draws in which no other is cheaper."""

    expected_regret_usd: float
    """Mean of its cost less the cheapest one's, draw by draw: what choosing it now is expected to cost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """The value of an input at which the best option changes, all others at their medians."""

    input: str
    """Its name."""

    central: float
    """Its median."""

    flips_at: float
    """The value nearest to it at which another option becomes the cheapest."""

    to_option: str
    """Which one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Options side by side."""

    results: tuple[OptionResult, ...]
    """By expected regret, the least first."""

    cheaper: dict[str, dict[str, float]]
    """cheaper[a][b] is the probability that a costs less than b."""

    thresholds: tuple[Threshold, ...]
    """What flips the choice, the nearest first."""


def options_compare(
    options: Sequence[Option],
    demand: Demand,
    inputs: Mapping[str, float | Distribution],
    *,
    num_draws: int = 4000,
    seed: int = 0,
) -> Comparison:
    """Cost of every option under the same joint draws.

    Parameters
    ----------
    options : two or more, of different names
    demand : what is served
    inputs : for every name in `INPUTS` a number or a distribution

    >>> inputs = {name: 1.0 for name in INPUTS} | {"training_flop_per_second": 4e14, "decode_flop_per_second": 4e13,
    ...           "prefill_flop_per_second": 3e14, "usd_per_accelerator_hour": 2.0, "rent_decline_per_year": 0.2}
    >>> api = Option(name="api", kind="api", usd_per_million_input_tokens=0.2, usd_per_million_output_tokens=0.8)
    >>> own = Option(name="own", kind="lora", num_params=8e9, num_tokens=1e8, ablations=False)
    >>> little = options_compare([api, own], Demand(output_tokens_per_month=1e8), inputs)
    >>> much = options_compare([api, own], Demand(output_tokens_per_month=1e10), inputs)
    >>> little.results[0].option.name, much.results[0].option.name
    ('api', 'own')
    """
    names = [option.name for option in options]
    if len(options) < 2 or len(set(names)) < len(names):
        raise InputError("options", names, "two or more of different names")
    draws = draw_jointly({name: inputs[name] for name in INPUTS}, num_draws=num_draws, seed=seed)
    costs = np.stack([option_cost(option, demand, draws) for option in options])
    least = costs.min(axis=0)
    results = [
        OptionResult(
            option=option,
            cost_usd=interval_of(row),
            probability_cheapest=float((row <= least).mean()),
            expected_regret_usd=float((row - least).mean()),
        )
        for option, row in zip(options, costs, strict=True)
    ]
    cheaper = {
        a: {b: float((costs[i] < costs[j]).mean()) for j, b in enumerate(names) if j != i} for i, a in enumerate(names)
    }
    return Comparison(
        results=tuple(sorted(results, key=lambda found: found.expected_regret_usd)),
        cheaper=cheaper,
        thresholds=tuple(thresholds_of(options, demand, inputs)),
    )


def thresholds_of(
    options: Sequence[Option], demand: Demand, inputs: Mapping[str, float | Distribution]
) -> list[Threshold]:
    """For each input the nearest value, up or down, at which another option becomes the cheapest."""
    centre = {name: as_distribution(inputs[name]).median for name in INPUTS}

    def winners(values: Mapping[str, float | Floats]) -> NDArray[np.int64]:
        draws = {name: np.atleast_1d(np.asarray(value, dtype=float)) for name, value in values.items()}
        size = max(draw.size for draw in draws.values())
        draws = {name: np.broadcast_to(draw, (size,)) for name, draw in draws.items()}
        return np.asarray(np.stack([option_cost(option, demand, draws) for option in options]).argmin(axis=0))

    best = int(winners(centre)[0])
    found = []
    for name, value in centre.items():
        flips = [
            at
            for direction in (1, -1)
            if (at := _nearest_flip(_flip_test(winners, centre, name, best), value, direction, name))
        ]
        if flips:
            nearest = min(flips, key=lambda at: abs(np.log(at / value)))
            beyond = nearest * (1.001 if nearest > value else 0.999)
            to = options[int(winners(centre | {name: beyond})[0])].name
            found.append(Threshold(input=name, central=value, flips_at=float(f"{nearest:.3g}"), to_option=to))
    return sorted(found, key=lambda threshold: abs(np.log(threshold.flips_at / threshold.central)))


def _flip_test(
    winners: Callable[[Mapping[str, float | Floats]], NDArray[np.int64]],
    centre: Mapping[str, float],
    name: str,
    best: int,
) -> Callable[[Floats], NDArray[np.bool_]]:
    """Whether another option wins once one input is moved, for many values of it at once."""
    return lambda x: np.asarray(winners({**centre, name: x}) != best)


def _nearest_flip(
    flipped: Callable[[Floats], NDArray[np.bool_]], value: float, direction: int, name: str
) -> float | None:
    """Search in logarithms for the first value that flips, ever finer; None within a factor of 100."""
    if value <= 0:
        return None
    most = np.log(FARTHEST_FACTOR)
    if name.endswith("_per_year") and direction > 0:
        most = min(most, np.log(0.95 / value))  # a fall of more than everything has no meaning
    low, high = 0.0, most * direction
    for cells in (40, 64, 64, 64):
        steps = np.linspace(low, high, cells + 1)[1:]
        hits = np.flatnonzero(flipped(value * np.exp(steps)))
        if hits.size == 0:
            return None
        first = int(hits[0])
        low, high = (float(steps[first - 1]) if first else low), float(steps[first])
    return float(value * np.exp(high))
