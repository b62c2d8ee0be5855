"""How good quotes are: their errors by kind and size, bias, coverage, score, and how that moves as jobs finish."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp, log
from statistics import median
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from economics.uncertainty import Interval
from economics.uncertainty.scoring import Coverage, coverage_of, interval_score_log
from webapp.projects.models import Project
from webapp.quotes.models import QuoteOutcome

MAX_JOBS = 2_000
WINDOW = 10
"""Jobs over which the course of the errors is told."""

EDGES = (0.5, 0.67, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0)
"""Took over likely, the edges of the bars."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """Quotes of one group against what came. Censored jobs are counted, not averaged: they would have taken longer."""

    title: str
    num_finished: int
    num_censored: int
    num_censored_beyond: int
    """Of these, those that had already taken more than p90 when they ended."""

    bias: float | None = None
    """Median of took over likely, less 1."""

    typical_error: float | None = None
    """Median of how far off, either way, as a factor less 1."""

    coverage: Coverage | None = None
    score: float | None = None
    """Mean interval score of logarithms; lower is better. A hit costs ln(p90/p10)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """A quote's interval of time and what the job took."""

    kind: str
    group: str
    quoted: Interval
    actual: float
    is_censored: bool
    outcome: QuoteOutcome

    @property
    def ratio(self) -> float:
        return self.actual / self.quoted.p50


def pairs_of(project: Project, *, kind: str = "") -> list[Pair]:
    """Return the project's quotes of time that jobs have ended by now, oldest first."""
    rows = QuoteOutcome.objects.filter(quote__project=project, seconds__gt=0).exclude(quote__basis="none")
    if kind:
        rows = rows.filter(quote__kind=kind)
    latest = rows.select_related("quote__job").order_by("-ended_at", "-id")[:MAX_JOBS]
    found = []
    for row in reversed(latest):
        quoted = row.quote.seconds
        if quoted is not None and quoted.p10 > 0:
            found.append(
                Pair(
                    kind=row.quote.kind, group=row.quote.group, quoted=quoted, actual=row.seconds,
                    is_censored=row.is_censored, outcome=row,
                )
            )  # fmt: skip
    return found


def judge(pairs: Sequence[Pair], *, title: str) -> Judged:
    """Return how good these quotes were."""
    done = [pair for pair in pairs if not pair.is_censored]
    cut = [pair for pair in pairs if pair.is_censored]
    known: dict[str, Any] = {
        "title": title, "num_finished": len(done), "num_censored": len(cut),
        "num_censored_beyond": sum(pair.actual > pair.quoted.p90 for pair in cut),
    }  # fmt: skip
    if not done:
        return Judged(**known)
    ratios = [pair.ratio for pair in done]
    return Judged(
        **known,
        bias=median(ratios) - 1,
        typical_error=exp(median(abs(log(ratio)) for ratio in ratios)) - 1,
        coverage=coverage_of([pair.quoted for pair in done], [pair.actual for pair in done]),
        score=float(np.mean([interval_score_log(pair.quoted, pair.actual) for pair in done])),
    )


def by_kind(pairs: Sequence[Pair]) -> list[Judged]:
    """Return how good they were for each kind of job, the most frequent first."""
    return _judged_by(pairs, "kind")


def by_size(pairs: Sequence[Pair]) -> list[Judged]:
    """Return how good they were for each group of jobs alike: family and order of size."""
    return _judged_by(pairs, "group")


def _judged_by(pairs: Sequence[Pair], name: str) -> list[Judged]:
    found: dict[str, list[Pair]] = {}
    for pair in pairs:
        found.setdefault(getattr(pair, name), []).append(pair)
    return [judge(group, title=title) for title, group in sorted(found.items(), key=lambda item: -len(item[1]))]


def error_chart(pairs: Sequence[Pair]) -> dict[str, Any]:
    """Return how many jobs took how much of what was likely, stacked by kind."""
    done = [pair for pair in pairs if not pair.is_censored]
    edges = np.log(EDGES)
    kinds = sorted({pair.kind for pair in done})
    places = {kind: np.zeros(len(EDGES) + 1, dtype=int) for kind in kinds}
    for pair in done:
        places[pair.kind][int(np.searchsorted(edges, log(pair.ratio)))] += 1
    labels = [
        f"< {EDGES[0]:g}×",
        *(f"{a:g}–{b:g}×" for a, b in pairwise(EDGES)),
        f"> {EDGES[-1]:g}×",
    ]
    return {
        "kind": "stacked",
        "x": {"title": _("Took, over what was likely"), "values": labels, "is_ordered": True},
        "y": {"title": _("Finished jobs")},
        "series": [{"name": kind, "values": places[kind].tolist()} for kind in kinds],
    }


def course_chart(pairs: Sequence[Pair]) -> dict[str, Any]:
    """Return the typical error and the width of the quotes over the last jobs, as they finished."""
    done = [pair for pair in pairs if not pair.is_censored]
    numbers, errors, widths = [], [], []
    for last in range(1, len(done) + 1):
        window = done[max(0, last - WINDOW) : last]
        numbers.append(last)
        errors.append(round(100 * (exp(median(abs(log(pair.ratio)) for pair in window)) - 1), 1))
        widths.append(round(100 * (median(pair.quoted.width_ratio for pair in window) - 1), 1))
    return {
        "kind": "lines",
        "x": {"title": _("Finished jobs"), "values": numbers, "type": "linear", "is_whole": True},
        "y": {"title": _("%% (median of %(n)d)") % {"n": WINDOW}},
        "series": [
            {"name": _("off by"), "values": errors},
            {"name": _("p90 over p10, less 1"), "values": widths},
        ],
    }
