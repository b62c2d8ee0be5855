"""What the cost pages show: spend by day, kind, member and model, and what failed attempts took."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from webapp.costs.machines import machine_ensure
from webapp.costs.models import LedgerEntry, Machine
from webapp.costs.prices import machine_hour_price
from webapp.jobs.models import Job, Worker
from webapp.projects.models import Project
from webapp.teams.models import Team

WASTED_OUTCOMES = ("failed", "died")
WASTED = Q(outcome__in=WASTED_OUTCOMES)
REVENUE = Q(kind=LedgerEntry.Kind.REVENUE)
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Spend:
    """Totals of a set of ledger entries. What was earned stands apart and is in none of the costs."""

    effective_usd: Decimal
    billed_usd: Decimal
    wasted_usd: Decimal
    unused_usd: Decimal
    revenue_usd: Decimal
    seconds: float
    energy_kwh: float
    co2e_kg: float
    num_attempts: int
    all_measured: bool

    @property
    def wasted_fraction(self) -> float | None:
        return float(self.wasted_usd / self.effective_usd) if self.effective_usd else None


def ledger_of(
    *, project: Project | None = None, team: Team | None = None, days: int | None = None
) -> QuerySet[LedgerEntry]:
    entries = LedgerEntry.objects.all()
    if project is not None:
        entries = entries.filter(project=project)
    if team is not None:
        entries = entries.filter(team=team)
    if days is not None:
        entries = entries.filter(started_at__gte=timezone.now() - timedelta(days=days))
    return entries


def costs(entries: QuerySet[LedgerEntry]) -> QuerySet[LedgerEntry]:
    """Return the entries that are costs."""
    return entries.exclude(REVENUE)


def spend(entries: QuerySet[LedgerEntry]) -> Spend:
    """Return the totals of the entries."""
    total = entries.aggregate(
        effective=Sum("effective_usd", filter=~REVENUE, default=ZERO),
        billed=Sum("billed_usd", filter=~REVENUE, default=ZERO),
        wasted=Sum("effective_usd", filter=WASTED, default=ZERO),
        unused=Sum("effective_usd", filter=Q(outcome="unused"), default=ZERO),
        revenue=Sum("effective_usd", filter=REVENUE, default=ZERO),
        seconds=Sum("seconds", default=0.0),
        kwh=Sum("energy_kwh", default=0.0),
        co2e=Sum("co2e_kg", default=0.0),
        attempts=Count("pk", filter=FIRST_OF_ATTEMPT),
        estimated=Count("pk", filter=Q(energy_is_measured=False, energy_kwh__gt=0)),
    )
    return Spend(
        effective_usd=total["effective"],
        billed_usd=total["billed"],
        wasted_usd=total["wasted"],
        unused_usd=total["unused"],
        revenue_usd=total["revenue"],
        seconds=total["seconds"],
        energy_kwh=total["kwh"],
        co2e_kg=total["co2e"],
        num_attempts=total["attempts"],
        all_measured=total["estimated"] == 0,
    )


FIRST_OF_ATTEMPT = Q(corrects=None, kind=LedgerEntry.Kind.COMPUTE, job__isnull=False)
"""An attempt has an entry of each kind; the one of its device counts it."""


def spend_by(entries: QuerySet[LedgerEntry], *fields: str) -> list[dict[str, Any]]:
    """Return one row for each value of the fields, dearest first: usd, billed, wasted, seconds, attempts."""
    return list(
        costs(entries)
        .values(*fields)
        .annotate(
            usd=Sum("effective_usd"),
            billed=Sum("billed_usd"),
            wasted=Sum("effective_usd", filter=WASTED, default=ZERO),
            total_seconds=Sum("seconds"),
            attempts=Count("pk", filter=FIRST_OF_ATTEMPT),
        )
        .order_by("-usd")
    )


def spend_by_day(entries: QuerySet[LedgerEntry], *, by: str = "kind") -> dict[str, list[Any]]:
    """Return spend of each day by a field, as series of a stacked chart; days without spend are there, with 0."""
    rows = list(
        costs(entries).annotate(day=TruncDate("started_at")).values("day", by).annotate(usd=Sum("effective_usd"))
    )
    if not rows:
        return {"days": [], "kinds": [], "usd": []}
    days = days_between(min(r["day"] for r in rows), max(r["day"] for r in rows))
    kinds = sorted({r[by] for r in rows})
    found = {(r["day"], r[by]): float(r["usd"]) for r in rows}
    return {
        "days": [day.isoformat() for day in days],
        "kinds": kinds,
        "usd": [[found.get((day, kind), 0.0) for day in days] for kind in kinds],
    }


def days_between(first: date, last: date) -> list[date]:
    """Return the days from the first to the last, both included."""
    return [first + timedelta(days=k) for k in range((last - first).days + 1)]


def job_spend(*, jobs: QuerySet[Job]) -> Spend:
    """Return what the attempts of some jobs have cost so far, as far as they ended."""
    return spend(LedgerEntry.objects.filter(job__in=jobs))


def worker_usd_per_hour(worker: Worker) -> float:
    """Return what an hour of a worker's device costs now, for costs shown while a job runs."""
    return float(machine_hour_price(machine_ensure(worker=worker)).effective_usd)


def machines_with_prices(*, team: Team | None = None) -> list[dict[str, Any]]:
    """Return the machines, each with its hour's price and that price's basis; of a team, those that its jobs used."""
    machines = Machine.objects.all()
    if team is not None:
        machines = machines.filter(pk__in=LedgerEntry.objects.filter(team=team).values("machine"))
    return [{"machine": machine, "price": machine_hour_price(machine)} for machine in machines]
