"""What a lever saved at equal quality, from one pair: what either side cost to the same quality, and how equal it was.

Of two runs: the worse of their best values of the family's validation measure is the quality that both have reached; each
side is charged for its run up to the measurement that first reached it. That lies somewhere after the measurement before,
so each cost is an interval, and so is the share saved. Of a smaller form of a model: the price of answering, both measured
in one process; there the quality is what it is, and the 95 % interval of its difference says whether it counts as equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import isfinite

from django.utils.translation import gettext as _

from economics.uncertainty import Interval
from trainer.families import families
from trainer.metrics.change import Change
from trainer.metrics.direction import lower_is_better
from webapp.costs.queries import job_spend
from webapp.jobs.models import Job
from webapp.planning.efficiency.pairs import COMPRESSION, RunPair, num_processes
from webapp.registry.ablation_result import effects_of
from webapp.registry.compression_cards import card_of_compression, usd_per_hour_of
from webapp.registry.compressions import title_of
from webapp.registry.models import AblationPair, Compression
from webapp.runs.metric_queries import metric_series
from webapp.runs.models import Run

MARGIN = 0.01
"""Quality counts as equal where it is at most 1 % worse, the whole interval of the difference included."""

MAX_POINTS = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    name: str
    url: str
    usd: Interval


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    lever: str
    title: str
    without: Side
    with_lever: Side
    per: str
    """What the costs are of."""

    quality: Change | None
    """A measure of both sides on the test split, from without the lever to with it."""

    @property
    def share(self) -> Interval:
        """Return the share of the cost that was saved; below 0 where the lever cost more."""
        a, b = self.without.usd, self.with_lever.usd
        return Interval(1 - b.p90 / a.p10, 1 - b.p50 / a.p50, 1 - b.p10 / a.p90)

    @property
    def times(self) -> float:
        """Return the cost with the lever, of one without."""
        return self.with_lever.usd.p50 / self.without.usd.p50

    @property
    def is_equal(self) -> bool | None:
        """None where nothing tells the quality of both."""
        return is_as_good(self.quality) if self.quality else None


def is_as_good(change: Change) -> bool:
    """Say whether quality got at most 1 % worse, by the far end of the interval where there is one."""
    worst = change.difference
    if change.low is not None and change.high is not None:
        worst = change.high if lower_is_better(change.metric) else change.low
    return (worst if lower_is_better(change.metric) else -worst) <= MARGIN * abs(change.before)


def measured_pair(pair: RunPair) -> Measured | None:
    """Return what two runs say of a lever; None where either cost or the common quality is unknown."""
    family = families().get(pair.without.family)
    if family is None:
        return None
    sides = [(run, _curve(run, family.main_metric)) for run in (pair.without, pair.with_lever)]
    if not all(curve for _run, curve in sides):
        return None
    sign = 1 if lower_is_better(family.main_metric) else -1
    level = max(min(sign * value for _step, value in curve) for _run, curve in sides)
    before, after = (_cost_to(run, curve, level, sign) for run, curve in sides)
    if before is None or after is None or before.p10 <= 0:
        return None
    name = family.main_metric.replace("/", " ").replace("_", " ")
    return Measured(
        lever=pair.lever, title=_title(pair),
        without=Side(name=str(pair.without), url=pair.without.get_absolute_url(), usd=before),
        with_lever=Side(name=str(pair.with_lever), url=pair.with_lever.get_absolute_url(), usd=after),
        per=_("training to %(metric)s %(value)s") % {"metric": name, "value": f"{sign * level:.4g}"},
        quality=_quality(pair, family.main_metric.partition("/")[2]),
    )  # fmt: skip


def measured_form(row: Compression) -> Measured | None:
    """Return what a smaller form of a model says; None where the price of the machine that measured is not known."""
    forms = card_of_compression(row, usd_per_hour_of([row]).get(row.job_id))["forms"]
    if forms is None or row.made is None:
        return None
    writes = forms["before"].usd_per_million_tokens and forms["after"].usd_per_million_tokens
    field = "usd_per_million_tokens" if writes else "usd_per_thousand_requests"
    before, after = getattr(forms["before"], field), getattr(forms["after"], field)
    if not before or not after:
        return None
    return Measured(
        lever=COMPRESSION, title=title_of(row),
        without=Side(name=str(row.version), url=row.version.get_absolute_url(), usd=Interval(before, before, before)),
        with_lever=Side(name=str(row.made), url=row.made.get_absolute_url(), usd=Interval(after, after, after)),
        per=_("a million tokens written") if writes else _("a thousand requests"),
        quality=_quality_of_form(row),
    )  # fmt: skip


def _title(pair: RunPair) -> str:
    if pair.lever == "parallel":
        return _("%(n)d processes") % {"n": num_processes(pair.with_lever)}
    return _("from trained weights") if pair.lever == "transfer" else _("augmented")


def _curve(run: Run, metric: str) -> list[tuple[int, float]]:
    found = metric_series(run, metric, max_points=MAX_POINTS).buckets
    return [
        (int(step), float(value)) for step, value in zip(found.steps, found.last, strict=True) if isfinite(float(value))
    ]


def _cost_to(run: Run, curve: list[tuple[int, float]], level: float, sign: int) -> Interval | None:
    """Return the dollars of a run up to a quality: at the measurement before, and at the one that reached it."""
    spent = job_spend(jobs=Job.objects.filter(train_job__run=run))
    usd, last = float(spent.effective_usd), max(step for step, _value in curve)
    if usd <= 0 or last <= 0:
        return None
    if sign * curve[0][1] <= level:
        at = max(curve[0][0], 1)
        return Interval(usd * at / last, usd * at / last, usd * at / last)
    for (before, _value), (step, value) in pairwise(curve):
        if sign * value <= level:
            return Interval(usd * max(before, 1) / last, usd * step / last, usd * step / last)
    return None


def _quality(pair: RunPair, main: str) -> Change | None:
    """Return the test measure that decides in the family, with its interval where the answers of both were kept."""
    effects = effects_of([AblationPair(before=pair.with_lever, after=pair.without, seed=0)])
    found = next((effect for effect in effects if effect.name == main), None)
    if found is None:
        return None
    return Change(metric=found.name, before=found.without, after=found.with_it, low=found.low, high=found.high)


def _quality_of_form(row: Compression) -> Change | None:
    changes = [Change.from_row(found) for found in row.report.get("differences") or []]
    family = families().get(row.version.run.family)
    main = family.main_metric.partition("/")[2] if family else ""
    return next((change for change in changes if change.metric == main), changes[0] if changes else None)
