"""A run's value of a measure, and the one figure that it is known by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Case, FloatField, When
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.db.models.functions import Cast, Coalesce

from trainer.families import families
from trainer.metrics.direction import lower_is_better
from webapp.runs.models import Run

BITS = "validation/bits_per_byte"
"""Where text is learnt it comes first: it compares across tokenizers."""


@dataclass(frozen=True, slots=True)
class Headline:
    """One figure of a run."""

    metric: str
    value: float

    @property
    def name(self) -> str:
        """The measure without where it was taken: `accuracy`."""
        return self.metric.rpartition("/")[2]

    @property
    def is_lower_better(self) -> bool:
        return lower_is_better(self.metric)


def value_of(run: Run, metric: str, *, lower: bool) -> float | None:
    """Return the run's best value of a metric: `validation/loss`, or `test/loss` read once at its end."""
    if metric.startswith("test/"):
        found = run.test_metrics.get(metric.partition("/")[2])
    else:
        found = (run.summary.get(metric) or {}).get("min" if lower else "max")
    return float(found) if isinstance(found, int | float) else None


def headline(run: Run) -> Headline | None:
    """Return the figure that the run is known by: bits per byte where it learns text, else its family's main measure."""
    family = families().get(run.family)
    for metric in (BITS, family.main_metric if family else "validation/loss"):
        value = value_of(run, metric, lower=lower_is_better(metric))
        if value is not None:
            return Headline(metric, value)
    return None


def headline_order() -> Any:
    """Return what a query sorts runs by to have them by the figure that each is known by."""
    by_family = [When(family=name, then=_stored(family.main_metric)) for name, family in families().items()]
    return Coalesce(_stored(BITS), Case(*by_family, default=_stored("validation/loss")))


def _stored(metric: str) -> Cast:
    stat = "min" if lower_is_better(metric) else "max"
    return Cast(KeyTextTransform(stat, KeyTransform(metric, "summary")), FloatField())
