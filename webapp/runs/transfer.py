"""What a run's start from a trained model was worth, against the project's run from scratch on the same data."""

from __future__ import annotations

from typing import Any

from economics.errors import EconomicsError
from economics.scaling.transfer import Worth, effective_data
from webapp.runs.metric_queries import metric_series
from webapp.runs.models import Run

LOSS = "validation/loss"
MAX_POINTS = 500
NO_SHAPE = ("pooling", "class_weights", "temperature", "mask_fraction")
FACT, BOUND = "effective_data_multiplier", "effective_data_is_lower_bound"


def worth_store(run: Run) -> None:
    """Keep the multiplier with the run's facts where it was transferred; a run from scratch tells it of the others."""
    for each in [run] if is_transfer(run.spec) else transferred_runs(run):
        worth = worth_of(each)
        if worth is not None:
            each.facts = {**each.facts, FACT: worth.multiplier, BOUND: worth.is_lower_bound}
            Run.objects.filter(pk=each.pk).update(facts=each.facts)


def worth_of(run: Run) -> Worth | None:
    """Return what the transfer is worth; None where it was none, or there is no run from scratch to compare it with."""
    scratch = scratch_run(run)
    found = run.summary.get(LOSS) or {}
    if scratch is None or found.get("min") is None or not run.tokens_per_step or not scratch.tokens_per_step:
        return None
    points = metric_series(scratch, LOSS, max_points=MAX_POINTS).buckets
    try:
        return effective_data(
            [float(step) * scratch.tokens_per_step for step in points.steps],
            [float(loss) for loss in points.last],
            transfer_tokens=float(found["min_step"]) * run.tokens_per_step,
            transfer_loss=float(found["min"]),
        )
    except EconomicsError:
        return None


def scratch_run(run: Run) -> Run | None:
    """Return the longest run of the same shape, on the same data, that began with random weights."""
    if not is_transfer(run.spec):
        return None
    alike = [row for row in runs_of_shape(run) if not is_transfer(row.spec)]
    return max(alike, key=lambda row: row.last_step, default=None)


def transferred_runs(scratch: Run) -> list[Run]:
    """Return the ended runs of the same shape, on the same data, that began with a trained model."""
    return [row for row in runs_of_shape(scratch) if is_transfer(row.spec) and row.latest_job.is_final]


def runs_of_shape(run: Run) -> list[Run]:
    """Return the other runs of the same shape on the same data."""
    rows = Run.objects.filter(
        project=run.project, family=run.family, dataset_version=run.dataset_version, deleted_at=None
    ).select_related("latest_job")
    return [row for row in rows.exclude(pk=run.pk) if shape(row.spec) == shape(run.spec)]


def is_transfer(spec: dict[str, Any]) -> bool:
    return bool((spec.get("transfer") or {}).get("source") or spec.get("branch_from"))


def shape(spec: dict[str, Any]) -> dict[str, Any]:
    """Return what two runs must have in common: the model, but for what is about its task."""
    return {name: value for name, value in (spec.get("model") or {}).items() if name not in NO_SHAPE}


def shown(facts: dict[str, Any]) -> str:
    """Return the multiplier as the table writes it."""
    found = facts.get(FACT)
    if found is None:
        return "–"
    return f"{'≥ ' if facts.get(BOUND) else ''}{found:.3g} ×"
