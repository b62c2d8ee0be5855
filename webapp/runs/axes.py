"""The axes along which a run can be read: step, epoch, time, tokens, FLOP, device-hours, dollars. No user logs them.

Tokens and FLOP are the step times a constant. Times are measured: with each block of metrics the server keeps how long
training has taken so far and what the clock said, as two series of the run's own, which end and are cut like the others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from webapp.runs import metric_blocks as blocks
from webapp.runs.metric_levels import fold, num_levels
from webapp.runs.models import MetricSeries, Run
from webapp.runs.prices import usd_per_hour

TRAINING_SECONDS = "axis/training_seconds"
CLOCK_SECONDS = "axis/clock_seconds"
STEP_SECONDS = "time/seconds"
MAX_ANCHORS = 2_000

Column = Callable[[NDArray[np.int64]], NDArray[Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Factors:
    """What one step, or one second, is worth on the axes that are multiples. None is unknown."""

    tokens_per_step: float | None
    flop_per_step: float | None
    epochs_per_step: float | None
    num_devices: int
    usd_per_second: float | None


def training_seconds(
    run: Run, *, steps: NDArray[np.int64], seconds: NDArray[np.float64], before: float | None = None
) -> NDArray[np.float64]:
    """Return how long training had taken at each of `steps`: `before` them, or what is stored, and their own seconds."""
    if before is None:
        known = MetricSeries.objects.filter(run=run, key=TRAINING_SECONDS, last_step__lt=int(steps[0])).first()
        before = (known.last or 0.0) if known else 0.0
    return np.asarray(before + np.cumsum(np.nan_to_num(seconds)))


def anchors(run: Run, key: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return steps and values of an axis that was measured, few enough to send to a page."""
    series = MetricSeries.objects.filter(run=run, key=key, num_points__gt=0).first()
    if series is None:
        return np.empty(0, np.int64), np.empty(0, np.float64)
    read = blocks.load_level(series.pk, min(2, _top(series)) if series.num_points > 50_000 else 0)
    if len(read) > MAX_ANCHORS:
        read = fold(read, -(-len(read) // MAX_ANCHORS))
    return read.steps, read.last


def _top(series: MetricSeries) -> int:
    return num_levels(series.num_points) - 1


def axis_columns(run: Run) -> dict[str, Column]:
    """Return the axes that are known for this run, each as a function of steps; seconds are read between the anchors."""
    factors = axis_factors(run, usd_per_hour=usd_per_hour(run))
    at, seconds = anchors(run, TRAINING_SECONDS)
    clock_at, clock = anchors(run, CLOCK_SECONDS)

    def seconds_at(steps: NDArray[np.int64]) -> NDArray[Any]:
        return np.asarray(np.interp(steps, np.append(0, at), np.append(0.0, seconds)))

    def multiple(factor: float) -> Column:
        return lambda steps: steps * factor

    def of_seconds(factor: float) -> Column:
        return lambda steps: seconds_at(steps) * factor

    found: dict[str, Column] = {}
    for name, factor in (
        ("epoch", factors.epochs_per_step),
        ("tokens", factors.tokens_per_step),
        ("flop", factors.flop_per_step),
    ):
        if factor:
            found[name] = multiple(factor)
    if len(at):
        found["training_seconds"] = seconds_at
        found["device_hours"] = of_seconds(factors.num_devices / 3600)
        if factors.usd_per_second is not None:
            found["usd"] = of_seconds(factors.usd_per_second)
    if len(clock):
        found["unix_seconds"] = lambda steps: np.interp(steps, clock_at, clock)
    return found


def epochs_per_step(facts: dict[str, Any]) -> float | None:
    """Return the share of the data that a step reads, as the trainer counts examples; None for runs that did not say."""
    each, every = facts.get("examples_per_step"), facts.get("num_examples")
    return each / every if each and every else None


def axis_factors(run: Run, *, usd_per_hour: float | None, num_devices: int = 1) -> Factors:
    """Return the constants of a run's axes."""
    tokens = run.tokens_per_step
    train_units = run.dataset_version.num_units("train")
    return Factors(
        tokens_per_step=tokens,
        flop_per_step=tokens * run.flop_per_token if tokens and run.flop_per_token else None,
        epochs_per_step=epochs_per_step(run.facts) or (tokens / train_units if tokens and train_units else None),
        num_devices=num_devices,
        usd_per_second=None if usd_per_hour is None else usd_per_hour * num_devices / 3600,
    )
