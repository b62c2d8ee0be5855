"""Plan against reality: what the runs that a plan began were expected to take, and what they took."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import Sum
from django.utils.translation import gettext as _

from webapp.costs.models import LedgerEntry
from webapp.planning.facts import QUALITY
from webapp.planning.models import Plan, PlanRun
from webapp.planning.shown import number_interval, time_interval
from webapp.runs.models import Checkpoint, Run
from webapp.ui.templatetags.figures import seconds, significant, usd


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure, expected and real."""

    name: str
    expected: str
    got: str
    is_inside: bool | None
    """None while there is nothing to compare."""


@dataclass(frozen=True, slots=True)
class Reality:
    """One run of a plan."""

    run: Run
    number: int
    rows: list[Compared]


def plan_reality(plan: Plan) -> list[Reality]:
    """Return every run that a version of the plan began, the latest first."""
    found = PlanRun.objects.filter(version__plan=plan).select_related("run__latest_job", "version")
    return [run_reality(item) for item in found]


def run_reality(item: PlanRun) -> Reality:
    real, rows = _real(item.run), []
    texts: dict[str, tuple[str, Callable[[float], str], Callable[[dict[str, float]], str]]] = {
        "loss": (_("Loss"), lambda v: significant(v, 4), lambda i: number_interval(i)[1]),
        "bits_per_byte": (_("Bits per byte"), lambda v: significant(v, 3), lambda i: number_interval(i)[1]),
        "seconds": (_("Time"), seconds, lambda i: time_interval(i)[1]),
        "usd": (_("Cost"), usd, lambda i: f"{usd(i['p10'])}–{usd(i['p90'])}"),
    }
    for key, (name, value_text, range_text) in texts.items():
        expected, got = item.expected.get(key), real.get(key)
        if expected is None:
            continue
        inside = expected["p10"] <= got <= expected["p90"] if got is not None else None
        rows.append(Compared(name, range_text(expected), "–" if got is None else value_text(got), inside))
    return Reality(item.run, item.version.number, rows)


def _real(run: Run) -> dict[str, Any]:
    """Return what the run has come to: its best validation, the seconds and dollars of all its attempts."""
    ledger = LedgerEntry.objects.filter(job__train_job__run=run, kind=LedgerEntry.Kind.COMPUTE)
    spent = ledger.aggregate(seconds=Sum("seconds"), usd=Sum("effective_usd"))
    metrics = [c.metrics for c in Checkpoint.objects.filter(run=run)]

    def least(key: str) -> float | None:
        return min((m[key] for m in metrics if isinstance(m.get(key), int | float)), default=None)

    if not run.latest_job.is_final:
        spent = {"seconds": None, "usd": None}
    return {
        "loss": least("validation/loss"),
        "bits_per_byte": least(QUALITY),
        "seconds": spent["seconds"],
        "usd": float(spent["usd"]) if spent["usd"] is not None else None,
    }
