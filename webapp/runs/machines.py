"""What calibration has measured of the machines, for times and utilisation. Not measured is None, never a guess."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from webapp.costs.services import machine_ensure
from webapp.jobs.models import Job, JobEvent, State, Worker
from webapp.quotes.devices import calibration_of

SPEED_KEYS = ("model_flop_per_second", "training_flop_per_second")
PEAK_KEYS = ("matmul_flop_per_second", "peak_flop_per_second")


def calibration(worker: Worker | None = None) -> dict[str, Any]:
    """Return what the latest calibration said, of the worker's machine where one is given; empty if there was none."""
    if worker is not None and (found := calibration_of(machine_ensure(worker=worker))):
        return found
    jobs = Job.objects.filter(kind="calibrate", state=State.SUCCEEDED)
    if worker is not None:
        jobs = jobs.filter(attempts__worker__host=worker.host)
    job = jobs.order_by("-ended_at").first()
    if job is None:
        return {}
    events = JobEvent.objects.filter(job=job, type__in=("report", "finished")).order_by("-seq")
    for payload in events.values_list("payload", flat=True):
        found = payload.get("report") or payload.get("result")
        if found:
            return dict(found)
    return {}


def flop_per_second(worker: Worker | None, *, flop_per_token: float | None = None, unit: str = "token") -> float | None:
    """Return the model FLOP per second that training reached on the worker's machine.

    Small models use a machine less well than large ones: with `flop_per_token` the rate is that of the measured shapes
    around it, and beyond them that of the nearest; of families that count in the same unit.
    """
    found = calibration(worker)
    shapes = sorted(_measured_shapes(found.get("steps") or [], unit))
    if flop_per_token is None or not shapes:
        return _first(found, SPEED_KEYS)
    sizes, rates = (np.log(column) for column in zip(*shapes, strict=True))
    return float(np.exp(np.interp(np.log(flop_per_token), sizes, rates)))


def _measured_shapes(steps: list[dict[str, Any]], unit: str) -> Iterator[tuple[float, float]]:
    """Yield (FLOP per unit, FLOP per second) of each training step that was measured, in a unit."""
    for step in steps:
        num_tokens = step.get("sequence_length", 0) * step.get("sequences_per_step", 0)
        flop, rate = step.get("counted_flop_per_step", 0), step.get("flop_per_second", 0)
        if step.get("unit", "token") == unit and num_tokens > 0 and flop > 0 and rate > 0:
            yield flop / num_tokens, rate


def peak_flop_per_second(worker: Worker | None, dtype: str) -> float | None:
    """Return the rate of the machine's matrix products in a number format: what utilisation is measured against."""
    found = _first(calibration(worker), PEAK_KEYS)
    by_dtype = calibration(worker).get("matmul_flop_per_second_by_dtype") or {}
    return by_dtype.get(dtype) or found


def _first(values: dict[str, Any], keys: tuple[str, ...]) -> float | None:
    for key in keys:
        value = values.get(key)
        if isinstance(value, dict):
            value = max((v for v in value.values() if isinstance(v, int | float)), default=None)
        if isinstance(value, int | float) and value > 0:
            return float(value)
    return None
