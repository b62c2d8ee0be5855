"""Storage in the ledger: what each project keeps, a line a day, by the gigabyte and month.

register_storage_source(dataset_bytes)      in datasets.apps: project -> {what: bytes}
"""

from __future__ import annotations

import calendar
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from webapp.costs.models import LedgerEntry, StoragePrice
from webapp.projects.models import Project

BYTES_PER_GB = 10**9
MAX_DAYS_LATE = 31
OWN_DISK: dict[str, Any] = {
    "kind": "disks of one's own, assumed",
    "formula": "usd_per_tb / 1000 x copies / (life_months x fill)",
    "inputs": {"usd_per_tb": 90.0, "copies": 2, "life_months": 48, "fill": 0.5},
}
"""What a kept gigabyte takes of a disk of one's own where no price is set; set one in the administration."""

StorageSource = Callable[[Project], dict[str, int]]
_sources: list[StorageSource] = []


def register_storage_source(source: StorageSource) -> None:
    """Register what an app keeps on disk for a project, in bytes by name."""
    _sources.append(source)


def project_bytes(project: Project) -> dict[str, int]:
    """Return what a project keeps now, by name, nothing left out and nothing of 0."""
    found: dict[str, int] = {}
    for source in _sources:
        found.update({name: size for name, size in source(project).items() if size > 0})
    return found


def storage_price(day: date) -> tuple[Decimal, str, dict[str, Any]]:
    """Return (USD per GB and month, who bills it, why) as it held on that day."""
    row = StoragePrice.objects.filter(since__lte=day).order_by("-since").first()
    if row is not None:
        basis = {"kind": "price set by a user", "since": row.since.isoformat(), "source": row.source}
        return row.usd_per_gb_month, row.provider, basis
    given = OWN_DISK["inputs"]
    price = given["usd_per_tb"] / 1000 * given["copies"] / (given["life_months"] * given["fill"])
    return Decimal(repr(price)).quantize(Decimal("0.00000001")), "", OWN_DISK


def storage_charge(*, today: date | None = None) -> int:
    """Write a line for each project and day that has none, up to today, and return how many were written.

    The bytes are those of now: how much there was on a day on which nothing ran is not known.
    """
    day = today or timezone.localdate()
    return sum(_project_charge(project, day) for project in Project.objects.select_related("team"))


def _project_charge(project: Project, today: date) -> int:
    kept = project_bytes(project)
    if not kept:
        return 0
    days = _days_to_write(project, today)
    entries = [_entry(project, day, kept, measured_on=today) for day in days]
    before = LedgerEntry.objects.filter(project=project, kind=LedgerEntry.Kind.STORAGE).count()
    LedgerEntry.objects.bulk_create(entries, ignore_conflicts=True)  # (team, key) is unique
    return LedgerEntry.objects.filter(project=project, kind=LedgerEntry.Kind.STORAGE).count() - before


def _days_to_write(project: Project, today: date) -> list[date]:
    rows = LedgerEntry.objects.filter(project=project, kind=LedgerEntry.Kind.STORAGE, corrects=None)
    last = rows.order_by("-started_at").values_list("started_at", flat=True).first()
    if last is None:
        return [today]
    first = max(timezone.localtime(last).date() + timedelta(days=1), today - timedelta(days=MAX_DAYS_LATE))
    return [first + timedelta(days=k) for k in range((today - first).days + 1)]


def _entry(project: Project, day: date, kept: dict[str, int], *, measured_on: date) -> LedgerEntry:
    price, provider, basis = storage_price(day)
    gigabytes = sum(kept.values()) / BYTES_PER_GB
    gb_months = gigabytes / calendar.monthrange(day.year, day.month)[1]
    usd = Decimal(repr(gb_months)) * price
    return LedgerEntry(
        team=project.team,
        project=project,
        kind=LedgerEntry.Kind.STORAGE,
        key=f"storage:{project.code}:{day.isoformat()}",
        description=_("Data and checkpoints kept"),
        provider=provider,
        started_at=timezone.make_aware(datetime.combine(day, time.min)),
        quantity=gb_months,
        unit="GB-month",
        price_basis={
            **basis,
            "usd_per_gb_month": str(price),
            "bytes": kept,
            "measured_on": measured_on.isoformat(),
        },
        billed_usd=usd if provider else Decimal(0),
        effective_usd=usd,
    )
