"""How much a metric changed between two forms of a model, with an interval, from their sums on the same stretches."""

from __future__ import annotations

from typing import Any

import numpy as np

from trainer.metrics.change import Change
from trainer.training.units import Units

NUM_RESAMPLES = 2_000
FEWEST = 8
"""Stretches below which no interval is told."""


def differences(before: Units, after: Units, *, seed: int = 0) -> list[dict[str, Any]]:
    """Return for each metric that is a ratio of sums: name, value before and after, difference, and its 95 % interval.

    Both forms are resampled together (a paired percentile bootstrap, Efron and Tibshirani 1993, ch. 13): what is hard in
    a stretch is hard for both, and cancels.
    """
    num_units = len(before.counts)
    if num_units == 0 or before.counts != after.counts:
        return []
    chance = np.random.default_rng(seed)
    weights = chance.multinomial(num_units, np.full(num_units, 1 / num_units), size=NUM_RESAMPLES)
    found = []
    for metric, (above, below, factor) in before.ratios.items():
        if metric not in after.ratios:
            continue
        sums = [(np.asarray(units.sums[above]), np.asarray(units.sums[below])) for units in (before, after)]
        first, second = (factor * float(a.sum() / b.sum()) for a, b in sums)
        low = high = None
        if num_units >= FEWEST:
            drawn = [factor * (weights @ a) / (weights @ b) for a, b in sums]
            low, high = (float(each) for each in np.quantile(drawn[1] - drawn[0], [0.025, 0.975]))
        found.append(Change(metric=metric, before=first, after=second, low=low, high=high).row())
    return found
