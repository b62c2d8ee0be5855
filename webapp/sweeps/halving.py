"""What trials have scored at the rungs of a halving (`trainer.sweep.halving`), read from their runs' metrics."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from trainer.sweep.halving import Curve
from webapp.runs.metric_queries import metric_series
from webapp.runs.models import Run

MAX_POINTS = 400


def curve_of(number: int, run: Run, metric: str, rungs: Sequence[int]) -> Curve:
    """Read a trial's values at the rungs: its last measurement at or before each, once it has one at or beyond it."""
    found = metric_series(run, metric, max_points=MAX_POINTS).buckets
    at: dict[int, float] = {}
    for rung in rungs:
        before = [
            float(value)
            for step, value in zip(found.steps, found.last, strict=True)
            if step <= rung and isfinite(value)
        ]
        if before and len(found.steps) and int(found.steps[-1]) >= rung:
            at[rung] = before[-1]
    return Curve(number=number, at_rung=at)
