"""How sure a measure is: the bootstrap over examples (Efron 1979)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from trainer.metrics.labels import Floats, Measure

MAX_DRAWS, MIN_DRAWS = 1_000, 50
WORK = 3e7
"""Examples times draws that a report may take: fewer draws where there are many examples."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """A measure with the interval that holds 95 of 100 draws."""

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None


def bootstrap(measures: Mapping[str, Measure], *, num_examples: int, seed: int = 0, cost: int = 1) -> list[Interval]:
    """Return each measure of all examples, with its 95 % interval over draws of as many examples with replacement.

    `cost` is how much longer a measure takes than one pass over the examples.
    """
    chance = np.random.default_rng(seed)
    num_draws = int(np.clip(WORK / max(num_examples * cost, 1), MIN_DRAWS, MAX_DRAWS))
    share = np.full(num_examples, 1 / max(num_examples, 1))
    drawn: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(num_draws if num_examples > 1 else 0):
        weights = chance.multinomial(num_examples, share).astype(np.float64)
        for name, measure in measures.items():
            drawn[name].append(measure(weights))
    whole = np.ones(num_examples)
    return [interval(name, measure(whole), np.array(drawn[name])) for name, measure in measures.items()]


def interval(name: str, value: float, draws: Floats) -> Interval:
    found = draws[np.isfinite(draws)]
    if not np.isfinite(value):
        return Interval(name=name, value=None)
    if not len(found):
        return Interval(name=name, value=float(value))
    low, high = np.quantile(found, [0.025, 0.975])
    return Interval(name=name, value=float(value), low=float(low), high=float(high))
