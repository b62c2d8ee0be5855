"""Widths of intervals learnt from other sources, so that coverage does not test the rows the widths came from."""

from __future__ import annotations

from dataclasses import replace
from math import exp

import numpy as np

from economics.uncertainty import Interval
from economics.validation.predictions import Prediction

_NORMAL_P90 = 1.2816
_FEWEST_ROWS = 8


def spread_of(errors: list[float], clusters: list[str], level: float = 0.8) -> float:
    """Return the standard deviation whose p10-p90 would hold `level` of the errors, clusters weighing the same.

    A quantile of the absolute errors, not their root mean square: one wild row must not widen every interval.

    >>> round(spread_of([-0.1, 0.1, -0.2, 0.2, 0.05], ["a"] * 5), 3)
    0.156
    """
    sizes = {name: clusters.count(name) for name in set(clusters)}
    order = np.argsort(np.abs(errors))
    weights = np.array([1.0 / sizes[name] for name in clusters])[order]
    reached = np.cumsum(weights) / weights.sum()
    return float(np.abs(errors)[order][int(np.searchsorted(reached, level - 1e-9))]) / _NORMAL_P90


def with_spreads_of_others(predictions: list[Prediction], *, pool: bool = False) -> list[Prediction]:
    """Return the predictions with intervals as wide as the errors of the other sources say.

    Errors are pooled within a kind of measurement, or over all of them (`pool`, where kinds have few sources). Where
    the others have fewer than eight rows the interval stays as it was.
    """
    out: list[Prediction] = []
    for prediction in predictions:
        others = [
            p
            for p in predictions
            if p.cluster.split(" ")[0] != prediction.cluster.split(" ")[0] and (pool or p.group == prediction.group)
        ]
        if len(others) < _FEWEST_ROWS:
            out.append(prediction)
            continue
        width = exp(_NORMAL_P90 * spread_of([p.log_error for p in others], [p.cluster for p in others]))
        middle = prediction.predicted.p50
        out.append(replace(prediction, predicted=Interval(middle / width, middle, middle * width)))
    return out
