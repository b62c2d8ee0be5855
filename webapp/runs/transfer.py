"""What a run's start from a trained model was worth, against the project's runs from scratch on the same data."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import geometric_mean
from typing import Any

from django.utils.translation import gettext as _

from economics.errors import EconomicsError
from economics.scaling.transfer import Curve, Worth, effective_data
from trainer.metrics.direction import lower_is_better
from webapp.runs.metric_queries import metric_series
from webapp.runs.models import Run
from webapp.runs.unit_words import measure_words

LOSS = "validation/loss"
SCORES = tuple(
    f"validation/{name}"
    for name in ("macro_f1", "accuracy", "micro_f1", "map50_95", "recall_at_1", "ndcg_at_10", "bleu", "exact")
)
"""What else than the loss a transfer is judged by: the first of these that both runs have."""

MAX_POINTS = 500
NO_SHAPE = ("pooling", "class_weights", "temperature", "mask_fraction")
FACT, FACT_SCORE = "effective_data_multiplier", "effective_data_multiplier_by_score"
"""Bare numbers among a run's facts, which the table sorts by."""

WORTH = "transfer_worth"


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """The worth of a transfer by one measure, against one run from scratch or several that differ in their seeds."""

    measure: str
    multiplier: float
    low: float
    high: float | None
    is_lower_bound: bool
    knows_scatter: bool
    against: list[str]
    """Codes of the runs from scratch."""

    @property
    def is_known(self) -> bool:
        """Whether the range leaves anything out: from none to without end is no answer."""
        return self.is_lower_bound or self.low > 0 or self.high is not None

    def shown(self) -> str:
        """Return the multiplier with what is left open, as the table writes it."""
        if not self.is_known:
            return str(_("not known"))
        if self.is_lower_bound:
            return f"≥ {self.low:.3g} ×"
        end = "…" if self.high is None else f"{self.high:.3g}"
        return f"{self.multiplier:.3g} × ({self.low:.3g}–{end})"

    def sentences(self) -> list[str]:
        """Return what the figure means and what it does not know."""
        values = {"measure": measure_words(self.measure), "n": len(self.against)}
        found = []
        if not self.is_known:
            found.append(
                _("Its best was its first measurement, which may be chance; train it longer or measure more often.")
            )
        elif self.is_lower_bound:
            found.append(_("From scratch it never came to this %(measure)s.") % values)
        elif self.high is None:
            found.append(
                _("It was there at its first measurement, so there is no upper end; measure more often.") % values
            )
        if not self.knows_scatter:
            found.append(_("With under five measurements a run nobody can tell how much they scatter.") % values)
        if len(self.against) == 1:
            found.append(_("One run from scratch: what another seed would give is not in the range.") % values)
        else:
            found.append(_("The range covers %(n)d runs from scratch.") % values)
        return found


def worth_store(run: Run) -> None:
    """Keep the worth with the run's facts where it was transferred; a run from scratch tells it of the others."""
    for each in [run] if is_transfer(run.spec) else transferred_runs(run):
        found = worths_of(each)
        if not found:
            continue
        facts = {**each.facts, WORTH: [{name: getattr(row, name) for name in Found.__slots__} for row in found]}
        facts |= {FACT if row.measure == LOSS else FACT_SCORE: row.multiplier for row in found if row.is_known}
        each.facts = facts
        Run.objects.filter(pk=each.pk).update(facts=facts)


def worths_of(run: Run) -> list[Found]:
    """Return what the transfer is worth by loss and by score; empty where there is no run from scratch to compare it with."""
    scratch = scratch_runs(run)
    by_measure = [_worth(run, scratch, measure) for measure in (LOSS, _score_of(run, scratch)) if measure]
    return [found for found in by_measure if found is not None]


def _score_of(run: Run, scratch: list[Run]) -> str:
    return next((name for name in SCORES if all(name in each.summary for each in (run, *scratch))), "")


def _worth(run: Run, scratch: list[Run], measure: str) -> Found | None:
    found: list[tuple[Run, Worth]] = []
    for each in scratch:
        try:
            found.append((each, effective_data(_curve(each, measure), _curve(run, measure))))
        except EconomicsError:
            continue  # measured too seldom
    if not found:
        return None
    worths = [worth for _run, worth in found]
    highs = [worth.high for worth in worths]
    return Found(
        measure=measure,
        multiplier=geometric_mean(worth.multiplier for worth in worths),
        low=min(worth.low for worth in worths),
        high=None if None in highs else max(high for high in highs if high is not None),
        is_lower_bound=any(worth.is_lower_bound for worth in worths),
        knows_scatter=all(worth.scatter is not None for worth in worths),
        against=[each.code for each, _worth in found],
    )


def _curve(run: Run, measure: str) -> Curve:
    sign = 1 if lower_is_better(measure) else -1
    points = metric_series(run, measure, max_points=MAX_POINTS).buckets
    per_step = run.tokens_per_step or 0
    return Curve(
        tokens=[float(step) * per_step for step in points.steps], losses=[sign * float(value) for value in points.last]
    )


def scratch_runs(run: Run) -> list[Run]:
    """Return the longest run of the same shape, on the same data, that began with random weights, and its like of other seeds."""
    if not is_transfer(run.spec):
        return []
    alike = [row for row in runs_of_shape(run) if not is_transfer(row.spec)]
    longest = max(alike, key=lambda row: (row.last_step, -row.pk), default=None)
    if longest is None:
        return []
    return [
        row for row in alike if row.last_step == longest.last_step and _but_seed(row.spec) == _but_seed(longest.spec)
    ]


def _but_seed(spec: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in spec.items() if name not in ("seed", "machine")}


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


def stored(run: Run) -> list[Found]:
    """Return what was kept of the worth when the run, or the one from scratch, ended."""
    return [Found(**row) for row in run.facts.get(WORTH) or []]


def shown(run: Run, *, by_score: bool = False) -> str:
    """Return the multiplier as the table writes it; of old runs the bare number."""
    found = next((each for each in stored(run) if (each.measure != LOSS) == by_score), None)
    if found is not None:
        return found.shown()
    old = None if by_score else run.facts.get(FACT)
    return "–" if old is None else f"{old:.3g} ×"
