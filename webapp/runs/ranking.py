"""By which measure runs are ranked, which way it is good, and a run's value of it."""

from __future__ import annotations

from webapp.runs.models import Run

HIGHER_IS_BETTER = (
    "accuracy",
    "map50",
    "map75",
    "right",
    "f1",
    "mcc",
    "auroc",
    "precision",
    "recall",
    "spearman",
    "correct",
)


def lower_is_better(metric: str) -> bool:
    """Say which way a metric is good: losses, errors and bits down, scores up."""
    name = metric.rpartition("/")[2]
    return not any(word in name for word in HIGHER_IS_BETTER)


def value_of(run: Run, metric: str, *, lower: bool) -> float | None:
    """Return the run's best value of a metric: `validation/loss`, or `test/loss` read once at its end."""
    if metric.startswith("test/"):
        found = run.test_metrics.get(metric.partition("/")[2])
    else:
        found = (run.summary.get(metric) or {}).get("min" if lower else "max")
    return float(found) if isinstance(found, int | float) else None
