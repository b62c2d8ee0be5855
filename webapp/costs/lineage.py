"""What something really cost: all the work along its lineage, each job once, as steps that lead to one sum.

register_lineage(run_parts)         in runs.apps: data, parents, trials and the run itself
register_lineage(ladder_parts)      in ladders.apps: the rungs that told which run to make

A source gets the subject (a run) and yields the parts that it knows of, empty for subjects that are not its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from webapp.costs.models import LedgerEntry
from webapp.costs.outcomes import spend_by_outcome
from webapp.jobs.models import Job

ZERO = Decimal(0)
WASTED = ("failed", "cancelled", "repeated")


@dataclass(frozen=True, kw_only=True, slots=True)
class LineagePart:
    """Jobs that had a part in it. A job that two parts name counts in the one with the smaller `rank`."""

    title: str
    jobs: QuerySet[Job]
    place: int
    """Where it stands in the waterfall; smaller stands further left."""

    rank: int
    """0 is surest: the run itself. Guesses, such as trials on the same data, stand behind what is known."""

    url: str = ""


LineageSource = Callable[[Any], Iterable[LineagePart]]
_sources: list[LineageSource] = []


def register_lineage(source: LineageSource) -> None:
    """Register who knows a part of what led to something."""
    _sources.append(source)


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One bar of the waterfall."""

    title: str
    usd: Decimal
    num_jobs: int
    url: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrueCost:
    """All of it. The steps add up to the total, to the last digit."""

    steps: list[Step] = field(default_factory=list)
    total_usd: Decimal = ZERO
    billed_usd: Decimal = ZERO
    own_usd: Decimal = ZERO
    """Of the subject's own jobs alone: what one would have said it cost."""

    @property
    def multiple(self) -> float | None:
        """Return how many times its own jobs the whole is."""
        return float(self.total_usd / self.own_usd) if self.own_usd else None


def true_cost(subject: Any) -> TrueCost:
    """Return what the subject cost along its lineage. Work that failed or was done twice stands apart, whosever it was."""
    parts = [part for source in _sources for part in source(subject)]
    steps: list[tuple[int, Step]] = []
    taken: set[int] = set()
    wasted, num_wasted, own = ZERO, 0, ZERO
    for part in sorted(parts, key=lambda each: each.rank):
        ids = set(part.jobs.values_list("pk", flat=True)) - taken
        taken |= ids
        entries = LedgerEntry.objects.filter(job__in=ids)
        by_outcome = spend_by_outcome(entries)
        lost = sum((each.usd for each in by_outcome if each.name in WASTED), ZERO)
        led = sum((each.usd for each in by_outcome if each.name not in WASTED), ZERO)
        wasted += lost
        num_wasted += entries.filter(job__state__in=("failed", "cancelled")).values("job").distinct().count()
        own += lost + led if part.rank == 0 else ZERO
        if led:
            steps.append((part.place, Step(title=part.title, usd=led, num_jobs=len(ids), url=part.url)))
    if wasted:
        steps.append((50, Step(title=_("Failed, cancelled or done twice"), usd=wasted, num_jobs=num_wasted)))
    shown = [step for _place, step in sorted(steps, key=lambda pair: pair[0])]
    billed = sum(LedgerEntry.objects.filter(job__in=taken).values_list("billed_usd", flat=True), ZERO)
    return TrueCost(steps=shown, total_usd=sum((s.usd for s in shown), ZERO), billed_usd=billed, own_usd=own)
