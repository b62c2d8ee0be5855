"""Which input matters: the swing of the answer as each moves from its p10 to its p90, and its elasticities."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from economics.uncertainty.distributions import Distribution
from economics.uncertainty.reading import as_distribution


@dataclass(frozen=True, slots=True, kw_only=True)
class TornadoBar:
    """How far one input alone moves the answer."""

    name: str
    """The input."""

    input_low: float
    """Its p10."""

    input_high: float
    """Its p90."""

    answer_low: float
    """The answer with this input at its p10, all others at their medians."""

    answer_high: float
    """The answer with this input at its p90, all others at their medians."""

    @property
    def swing(self) -> float:
        """Distance between the two answers: the length of the bar."""
        return abs(self.answer_high - self.answer_low)


def tornado_of(
    answer: Callable[[dict[str, float]], float], inputs: Mapping[str, float | Distribution]
) -> list[TornadoBar]:
    """The inputs by how far each alone moves the answer, longest bar first.

    All others stay at their medians, so interactions are left out; inputs known exactly have no bar.

    >>> from economics.uncertainty import Triangular
    >>> bars = tornado_of(lambda x: x["hours"] * x["price"], {"hours": Triangular(80, 100, 120), "price": 2.0})
    >>> bars[0].name, round(bars[0].swing, 1)
    ('hours', 44.2)
    """
    spreads = {name: as_distribution(value) for name, value in inputs.items()}
    centre = {name: spread.median for name, spread in spreads.items()}
    bars = []
    for name, spread in spreads.items():
        low, high = (float(x) for x in spread.ppf([0.1, 0.9]))
        if low == high:
            continue
        at_low, at_high = (float(answer(centre | {name: x})) for x in (low, high))
        bars.append(TornadoBar(name=name, input_low=low, input_high=high, answer_low=at_low, answer_high=at_high))
    return sorted(bars, key=lambda bar: -bar.swing)


def elasticities_of(
    answer: Callable[[dict[str, float]], float], inputs: Mapping[str, float | Distribution], *, step: float = 0.01
) -> dict[str, float]:
    """Per cent by which the answer moves for one per cent of each input, at the medians: d ln f / d ln x.

    A central difference in logs, so exact for any product of powers. Inputs or answers that are not positive have
    no elasticity and give nan.

    >>> cost = lambda x: 6 * x["params"] * x["tokens"] / x["speed"]
    >>> found = elasticities_of(cost, {"params": 7e9, "tokens": 2e12, "speed": 4e14})
    >>> {name: round(value, 6) for name, value in found.items()}
    {'params': 1.0, 'tokens': 1.0, 'speed': -1.0}
    """
    centre = {name: as_distribution(value).median for name, value in inputs.items()}
    found = {}
    for name, value in centre.items():
        up, down = (answer(centre | {name: value * math.exp(sign * step)}) for sign in (1, -1))
        found[name] = math.log(up / down) / (2 * step) if value > 0 and up > 0 and down > 0 else math.nan
    return found
