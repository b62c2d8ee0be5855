"""Serving in the ledger: what answering requests took of a machine, a line for each day and deployment.

register_serving_source(served_on)      in serving.apps: day -> what was served on it
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from django.utils import timezone

from webapp.costs.models import LedgerEntry, Machine
from webapp.costs.prices import machine_hour_price
from webapp.projects.models import Project

NUM_DAYS_BACK = 31


@dataclass(frozen=True, kw_only=True, slots=True)
class Served:
    """What one model or deployment answered on one day."""

    project: Project
    name: str
    """Told apart by it; short and lasting, such as the deployment's code."""

    title: str
    device_seconds: float
    """Busy, not waiting."""

    num_tokens: int
    machine: Machine | None = None
    """None where nobody knows which machine it was: the dearest guess is not better than none, and the cost is 0."""

    model_label: str = ""


ServingSource = Callable[[date], Iterable[Served]]
_sources: list[ServingSource] = []


def register_serving_source(source: ServingSource) -> None:
    """Register who knows what was served on a day."""
    _sources.append(source)


def serving_charge(*, today: date | None = None) -> int:
    """Write what was served on each of the last full days that is not written yet; return how many lines that were."""
    last = (today or timezone.localdate()) - timedelta(days=1)
    days = [last - timedelta(days=k) for k in range(NUM_DAYS_BACK)]
    return sum(_charge(served, day) for day in days for source in _sources for served in source(day))


def _charge(served: Served, day: date) -> bool:
    key = f"serving:{served.project.code}:{served.name}:{day.isoformat()}"[:160]
    if LedgerEntry.objects.filter(team=served.project.team, key=key).exists():
        return False
    price = machine_hour_price(served.machine) if served.machine else None
    hours = Decimal(repr(served.device_seconds / 3600))
    entry = LedgerEntry(
        team=served.project.team,
        project=served.project,
        kind=LedgerEntry.Kind.SERVING,
        key=key,
        description=served.title[:200],
        model_label=served.model_label,
        machine=served.machine,
        provider=served.machine.provider if served.machine else "",
        started_at=timezone.make_aware(datetime.combine(day, time.min)),
        seconds=served.device_seconds,
        quantity=float(served.num_tokens),
        unit="tokens",
        usd_per_device_hour=price.effective_usd if price else None,
        price_basis=price.basis if price else {"kind": "unknown"},
        billed_usd=hours * price.billed_usd if price else Decimal(0),
        effective_usd=hours * price.effective_usd if price else Decimal(0),
    )
    LedgerEntry.objects.bulk_create([entry], ignore_conflicts=True)
    return True
