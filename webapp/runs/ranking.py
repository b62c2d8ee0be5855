"""A run's value of the measure by which runs are ranked."""

from __future__ import annotations

from webapp.runs.models import Run


def value_of(run: Run, metric: str, *, lower: bool) -> float | None:
    """Return the run's best value of a metric: `validation/loss`, or `test/loss` read once at its end."""
    if metric.startswith("test/"):
        found = run.test_metrics.get(metric.partition("/")[2])
    else:
        found = (run.summary.get(metric) or {}).get("min" if lower else "max")
    return float(found) if isinstance(found, int | float) else None
