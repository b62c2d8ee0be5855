"""What share of answers a way is expected to get right, and on what that rests: runs of the project, or the table."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from trainer.metrics.direction import lower_is_better
from webapp.datasets.models import DatasetVersion
from webapp.planning.advisor.table import Table, Way
from webapp.runs.models import Run

MEASURES = {
    "classify": "accuracy", "entities": "micro_f1", "embed": "recall_at_1", "images": "accuracy",
    "generate": "bits_per_byte",
}  # fmt: skip
OBJECTIVES = {"classify": ("classify", "multi_label"), "entities": ("tag",), "embed": ("embed",)}
SPREAD = 0.3
"""A belief's errors may be a third more or less."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """Share of right answers; None: nothing tells it."""

    value: float | None
    low: float | None = None
    high: float | None = None
    basis: str = ""
    run: Run | None = None
    """It was measured, by this run's own test."""

    bits_per_byte: float | None = None
    """Of what writes, which is not right or wrong: how well the run foretold the test split."""


def expected_quality(
    way: Way,
    table: Table,
    *,
    task: str,
    num_labels: int,
    examples_per_label: float,
    half: float,
    version: DatasetVersion,
) -> Expected:
    """Return what to expect; a run on the same data that went this way takes the place of the belief."""
    if task == "generate":
        return _of_writing(version, way)
    if (run := best_run(version, way, task)) is not None:
        value = float(run.test_metrics[MEASURES[task]])
        return Expected(value=value, low=value, high=value, run=run, basis=_("measured by your run, on its test split"))
    if way.data_worth is None or task not in MEASURES:
        return Expected(value=None, basis=_("unknown: no run of yours went this way"))
    worth = way.data_worth
    seen = way.worth_labels if way.how == "api" else worth * examples_per_label
    if way.how == "distil":
        teacher = next(each for each in table.way if each.how == "api")
        taught = examples_per_label + way.taught / num_labels
        own = error_of(taught, floor=way.floor, num_labels=num_labels, half=half)
        limit = error_of(teacher.worth_labels, floor=teacher.floor, num_labels=num_labels, half=half)
        return _belief(max(own, limit), table.basis["api"])
    error = error_of(seen, floor=way.floor, num_labels=num_labels, half=half)
    return _belief(error, table.basis["api" if way.how == "api" else "transfer" if worth > 2 else "curve"])


def _of_writing(version: DatasetVersion, way: Way) -> Expected:
    """Return what a run that went this way measured; nothing is believed of writing, which is not right or wrong."""
    run = best_run(version, way, "generate")
    if run is None:
        return Expected(value=None, basis=_("unknown: no run of yours went this way"))
    bits = float(run.test_metrics["bits_per_byte"])
    return Expected(value=None, bits_per_byte=bits, run=run, basis=_("measured by your run, on its test split"))


def _belief(error: float, basis: str) -> Expected:
    low, high = 1 - min(1.0, error * (1 + SPREAD)), 1 - error * (1 - SPREAD)
    return Expected(value=1 - error, low=low, high=high, basis=basis)


def error_of(examples_per_label: float, *, floor: float, num_labels: int, half: float) -> float:
    """Return the share of wrong answers after so many examples a class, as the table's head has it.

    >>> round(error_of(0, floor=0.05, num_labels=2, half=20), 2)
    0.5
    """
    chance = 1 - 1 / max(num_labels, 2)
    return floor + max(0.0, chance - floor) * float((1 + examples_per_label / half) ** -0.5)


def best_run(version: DatasetVersion, way: Way, task: str) -> Run | None:
    """Return the best run on the data that went this way to the task: same family, purpose and kind of start."""
    measure = MEASURES.get(task)
    if measure is None or not way.family or way.how == "distil" or version.pk is None:
        return None
    rows = Run.objects.filter(
        dataset_version=version, family=way.family, deleted_at=None, latest_job__state="succeeded"
    )
    rows = rows.filter(**{f"test_metrics__{measure}__isnull": False}).order_by("-created_at")[:200]
    fitting = [run for run in rows if _went(run, way, task)]
    sign = -1 if lower_is_better(measure) else 1
    return max(fitting, key=lambda run: sign * float(run.test_metrics[measure] or 0.0), default=None)


def _went(run: Run, way: Way, task: str) -> bool:
    transfer, model = run.spec.get("transfer") or {}, run.spec.get("model") or {}
    is_adapted = transfer.get("adapter", "none") != "none"
    if (run.spec.get("prune") or {}).get("method", "none") != "none" or (run.spec.get("distil") or {}).get("teacher"):
        return False  # it was made smaller, or taught: another way
    how = "lora" if is_adapted else "fine-tune" if transfer.get("source") else "scratch"
    objective = model.get("objective")
    if way.family == "vision" and str(model.get("architecture", "")).startswith("vit") != ("vit" in way.name):
        return False
    return how == way.how and (task == "generate" or objective is None or objective in OBJECTIVES.get(task, ()))
