"""What the charts of a page are drawn from, as plain JSON: series, the axes they can be drawn along, and marks."""

from __future__ import annotations

from typing import Any

from webapp.runs.axes import CLOCK_SECONDS, TRAINING_SECONDS, anchors, axis_factors
from webapp.runs.checkpoints import best
from webapp.runs.metric_queries import metric_keys
from webapp.runs.models import Run, TrainJob
from webapp.runs.prices import usd_per_hour
from webapp.runs.unit_words import SHORT_NAMES, per_second, plural, unit_of_family


def axes_json(run: Run) -> dict[str, Any]:
    """Return what turns a step into each of the axes; null is unknown."""
    factors = axis_factors(run, usd_per_hour=usd_per_hour(run))
    steps, seconds = anchors(run, TRAINING_SECONDS)
    clock_steps, clock = anchors(run, CLOCK_SECONDS)
    return {
        "units": plural(unit_of_family(run.family)),
        "tokens_per_step": factors.tokens_per_step,
        "flop_per_step": factors.flop_per_step,
        "epochs_per_step": factors.epochs_per_step,
        "num_devices": factors.num_devices,
        "usd_per_second": factors.usd_per_second,
        "training_seconds": {"steps": steps.tolist(), "values": [round(value, 4) for value in seconds.tolist()]},
        "clock_seconds": {"steps": clock_steps.tolist(), "values": [round(value, 3) for value in clock.tolist()]},
    }


def marks_json(run: Run) -> dict[str, Any]:
    """Return what is marked in the charts: where the run was taken up again, and its best checkpoint."""
    chosen = best(run)
    return {
        "resumes": resume_steps(run),
        "best_step": chosen.step if chosen is not None and chosen.is_best else None,
    }


def resume_steps(run: Run) -> list[int]:
    """Return the steps from which attempts went on, each once, as far as they are drawn."""
    events = TrainJob.objects.filter(run=run, job__events__type="started")
    found = events.values_list("job__events__payload__resumed_from_step", flat=True)
    return sorted({int(step) for step in found if isinstance(step, int | float) and step > 0})


def run_json(run: Run) -> dict[str, Any]:
    """Return what a page needs to draw a run's charts, its points apart."""
    return {
        "code": run.code,
        "name": run.name,
        "per_second": per_second(unit_of_family(run.family)),
        "keys": metric_keys(run),
        "short_names": SHORT_NAMES,
        "num_steps": run.num_steps,
        "axes": axes_json(run),
        "marks": marks_json(run),
    }
