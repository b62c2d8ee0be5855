"""The metrics of a batch of events, stored together: what a write costs depends on the batch, not on how many events.

A trainer tells its points in small blocks several times a second; a supervisor that was away finds thousands of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from trainer.events import Metrics
from webapp.runs import metric_levels as levels
from webapp.runs.axes import CLOCK_SECONDS, STEP_SECONDS, TRAINING_SECONDS, training_seconds
from webapp.runs.metric_levels import Buckets
from webapp.runs.metrics import points_append
from webapp.runs.models import Run


def metrics_take(*, run: Run, events: Sequence[Metrics]) -> None:
    """Store the points of events, in order. A step that is told again replaces itself and all that came behind it."""
    gathered = _Gathered(run)
    for event in events:
        if event.steps:
            gathered.add(event)
    gathered.store()


def payload_of(event: Metrics) -> dict[str, Any] | None:
    """Return what the event list keeps of an event: only where its points are."""
    if not event.steps:
        return None
    return {
        "type": "metrics",
        "from_step": min(event.steps),
        "up_to_step": max(event.steps),
        "keys": sorted(event.values),
    }


class _Gathered:
    """Points by key, as long as they only go forward."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.parts: dict[str, list[Buckets]] = {}

    def add(self, event: Metrics) -> None:
        new = {key: levels.points(event.steps, row) for key, row in event.values.items() if len(row)}
        if any(key in self.parts and _goes_back(self.parts[key][-1], points) for key, points in new.items()):
            self.store()
        if STEP_SECONDS in new:
            new |= self._times(event, new[STEP_SECONDS])
        for key, points in new.items():
            self.parts.setdefault(key, []).append(points)

    def store(self) -> None:
        if self.parts:
            points_append(run=self.run, points={key: levels.join(parts) for key, parts in self.parts.items()})
            self.parts = {}

    def _times(self, event: Metrics, step_seconds: Buckets) -> dict[str, Buckets]:
        """Return how long training had taken at each step, and what the clock said."""
        known = self.parts.get(TRAINING_SECONDS)
        so_far = training_seconds(
            self.run,
            steps=step_seconds.steps,
            seconds=step_seconds.last,
            before=float(known[-1].last[-1]) if known else None,
        )
        clock = event.at - (so_far[-1] - so_far)
        return {
            TRAINING_SECONDS: levels.from_values(step_seconds.steps, so_far),
            CLOCK_SECONDS: levels.from_values(step_seconds.steps, clock),
        }


def _goes_back(before: Buckets, new: Buckets) -> bool:
    return bool(np.any(new.steps[:1] <= before.steps[-1:]))
