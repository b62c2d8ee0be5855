"""Commitments: devices paid for whether they are used or not.

The fee leaves the bank each day (billed), jobs carry their share of it (effective), and what no job used of a day is a
line of its own. Over the whole term billed and effective come to the same: fees + upfront = used + unused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Exists, OuterRef
from django.utils import timezone
from django.utils.translation import gettext as _

from webapp.costs.machines import device_name
from webapp.costs.models import Commitment, LedgerEntry, Machine
from webapp.costs.sharing import Span, hours_left_for, hours_used
from webapp.jobs.models import Attempt

HOURS_PER_DAY = 24


@dataclass(frozen=True, kw_only=True, slots=True)
class Cover:
    """What a commitment bears of one attempt."""

    commitment: Commitment
    device_hours: Decimal
    effective_usd_per_hour: Decimal

    def as_basis(self) -> dict[str, Any]:
        return {
            "name": self.commitment.name,
            "code": self.commitment.code,
            "covered_device_hours": str(self.device_hours),
            "effective_usd_per_device_hour": str(self.effective_usd_per_hour),
        }


def effective_usd_per_hour(commitment: Commitment) -> Decimal:
    """Return the fee of a device-hour with its share of what was paid at the start."""
    hours = num_days(commitment) * HOURS_PER_DAY * commitment.num_devices
    return (commitment.usd_per_device_hour + commitment.upfront_usd / hours).quantize(Decimal("0.000001"))


def num_days(commitment: Commitment) -> int:
    return (commitment.ends_on - commitment.starts_on).days + 1


def cover_of(attempt: Attempt, machine: Machine) -> Cover | None:
    """Return what a commitment of the job's team bears of the attempt, None if there is none.

    Attempts at the same time share its devices: who ended first has had its part, the next gets what that left.
    """
    commitments = Commitment.objects.select_for_update().filter(team_id=attempt.job.team_id, machine=machine)
    for commitment in commitments.order_by("starts_on", "pk"):
        span = _span(attempt).within(*_term(commitment))
        if span.end <= span.start:
            continue
        others = [_span(other) for other in _charged(commitment, span)]
        hours = hours_left_for(span, others, num_devices=commitment.num_devices)
        if hours > 0:
            rate = effective_usd_per_hour(commitment)
            return Cover(commitment=commitment, device_hours=Decimal(repr(hours)), effective_usd_per_hour=rate)
    return None


def _charged(commitment: Commitment, span: Span) -> list[Attempt]:
    """Return the attempts at the time of a span that the ledger has put on the commitment."""
    entries = LedgerEntry.objects.filter(commitment=commitment, job=OuterRef("job"), fence=OuterRef("fence"))
    at_the_time = Attempt.objects.filter(
        job__team=commitment.team, started_at__lt=span.end, ended_at__gt=span.start
    )  # fmt: skip
    return list(at_the_time.filter(Exists(entries)))


def _span(attempt: Attempt) -> Span:
    return Span(
        start=attempt.started_at, end=attempt.ended_at or timezone.now(), num_devices=attempt.num_devices
    )  # fmt: skip


def commitments_charge(*, today: date | None = None) -> int:
    """Write fee and unused part of every full day that has none yet, and return how many days were written."""
    last = (today or timezone.localdate()) - timedelta(days=1)
    return sum(commitment_charge(commitment=c, day=day) for c in Commitment.objects.all() for day in _days(c, last))


def commitment_charge(*, commitment: Commitment, day: date) -> bool:
    """Write a day's fee and what of it no job used; False if they stand there already."""
    start = timezone.make_aware(datetime.combine(day, time.min))
    if LedgerEntry.objects.filter(team=commitment.team, key=_key(commitment, day, "fee")).exists():
        return False
    capacity = Decimal(HOURS_PER_DAY * commitment.num_devices)
    fee = capacity * commitment.usd_per_device_hour
    upfront = commitment.upfront_usd if day == commitment.starts_on else Decimal(0)
    used = min(capacity, _used_hours(commitment, start))
    unused = (capacity - used) * effective_usd_per_hour(commitment)
    common: dict[str, Any] = {
        "team": commitment.team,
        "kind": LedgerEntry.Kind.COMMITMENT,
        "machine": commitment.machine,
        "commitment": commitment,
        "provider": commitment.provider,
        "started_at": start,
        "usd_per_device_hour": effective_usd_per_hour(commitment),
        "unit": "device-hours",
    }
    entries = [
        LedgerEntry(
            key=_key(commitment, day, "fee"), description=_("%s: fee of the day") % commitment, quantity=float(capacity),
            billed_usd=fee + upfront, effective_usd=0, **common,
        ),
        LedgerEntry(
            key=_key(commitment, day, "unused"), description=_("%s: unused commitment") % commitment,
            quantity=float(capacity - used), outcome="unused", billed_usd=0, effective_usd=unused, **common,
        ),
    ]  # fmt: skip
    return bool(LedgerEntry.objects.bulk_create(entries, ignore_conflicts=True))


def _used_hours(commitment: Commitment, start: datetime) -> Decimal:
    """Return the device-hours that attempts of the team took of it on a day, those still running included."""
    day = Span(start=start, end=start + timedelta(days=1), num_devices=0)
    running = Attempt.objects.filter(
        ended_at=None, job__team=commitment.team, worker__host=commitment.machine.host, started_at__lt=day.end
    ).select_related("worker")  # fmt: skip
    here = [attempt for attempt in running if device_name(attempt.worker) == commitment.machine.device]
    spans = [_span(attempt).within(day.start, day.end) for attempt in (*_charged(commitment, day), *here)]
    return Decimal(repr(hours_used(spans, num_devices=commitment.num_devices)))


def _days(commitment: Commitment, last: date) -> Iterator[date]:
    """Yield the days of the term up to `last` that were not written."""
    written = set(LedgerEntry.objects.filter(commitment=commitment, key__endswith=":fee").values_list("key", flat=True))
    day = commitment.starts_on
    while day <= min(last, commitment.ends_on):
        if _key(commitment, day, "fee") not in written:
            yield day
        day += timedelta(days=1)


def _key(commitment: Commitment, day: date, part: str) -> str:
    return f"commitment:{commitment.code}:{day.isoformat()}:{part}"


def _term(commitment: Commitment) -> tuple[datetime, datetime]:
    first = timezone.make_aware(datetime.combine(commitment.starts_on, time.min))
    return first, timezone.make_aware(datetime.combine(commitment.ends_on + timedelta(days=1), time.min))
