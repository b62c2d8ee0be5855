"""Machines and the ledger: every attempt that ended has its row, however it ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from trainer.calibrate.spec import CalibrateSpec
from trainer.spec import spec_to_dict
from webapp.costs.attempts import attempt_entries
from webapp.costs.machines import machine_ensure
from webapp.costs.models import LedgerEntry
from webapp.jobs.models import Attempt, Job
from webapp.jobs.services import job_create
from webapp.projects.models import Project
from webapp.teams.models import Team, User

__all__ = ["calibration_start", "entry_add", "ledger_correct", "ledger_write", "machine_ensure"]

HAND_KINDS = (LedgerEntry.Kind.PURCHASE, LedgerEntry.Kind.PAYROLL, LedgerEntry.Kind.REVENUE, LedgerEntry.Kind.SERVING)
"""What no machine of ours can know."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Money:
    """An amount as it was paid, with the rate of that day."""

    amount: Decimal
    currency: str = "USD"
    usd_per_currency: Decimal = Decimal(1)
    rate_on: date | None = None

    @property
    def usd(self) -> Decimal:
        return self.amount * self.usd_per_currency


def calibration_start(*, project: Project, created_by: User | None, idempotency_key: str | None = None) -> Job:
    """Put a job into the queue that measures the machine which takes it; about half a minute."""
    return job_create(
        project=project,
        kind="calibrate",
        spec=spec_to_dict("calibrate", CalibrateSpec()),
        created_by=created_by,
        title=_("Measure this machine"),
        idempotency_key=idempotency_key,
    )


def ledger_write(attempt: Attempt) -> None:
    """Write what one ended attempt cost. Called in the transaction that ended it; a second call adds nothing."""
    if LedgerEntry.objects.filter(job=attempt.job, fence=attempt.fence, corrects=None).exists():
        return
    machine = machine_ensure(worker=attempt.worker)
    # (job, fence, kind) is unique among first entries
    LedgerEntry.objects.bulk_create(attempt_entries(attempt, machine), ignore_conflicts=True)


@transaction.atomic
def ledger_correct(
    *, entry: LedgerEntry, effective_usd: Decimal, billed_usd: Decimal, note: str, by: User | None = None
) -> LedgerEntry:
    """Add an entry with the difference to what should have been written; the first entry stays as it is."""
    if not note.strip():
        raise ValueError(_("Say in the note why the entry is corrected."))
    first = entry.corrects or entry
    written = [first, *first.corrections.all()]
    difference = LedgerEntry.objects.get(pk=first.pk)
    difference.pk = None
    difference.corrects = first
    difference.effective_usd = effective_usd - sum((e.effective_usd for e in written), Decimal(0))
    difference.billed_usd = billed_usd - sum((e.billed_usd for e in written), Decimal(0))
    difference.seconds = difference.energy_kwh = difference.co2e_kg = 0.0
    difference.amount = difference.quantity = None
    difference.entered_by = by
    difference.created_at = timezone.now()
    difference.note = note
    difference.save()
    return difference


def entry_add(
    *,
    team: Team,
    kind: str,
    money: Money,
    day: date,
    description: str,
    entered_by: User | None,
    project: Project | None = None,
    member: User | None = None,
    provider: str = "",
    note: str = "",
) -> LedgerEntry:
    """Write an entry that a person knows of: a purchase, payroll, revenue, or serving that somebody else did for us."""
    if kind not in HAND_KINDS:
        raise ValidationError(_("Entries of the kind %s are written by the system alone.") % kind)
    if money.amount <= 0:
        raise ValidationError(_("The amount must be above 0; a mistake is corrected at the entry itself."))
    if money.currency != "USD" and money.rate_on is None:
        raise ValidationError(_("Say of which day the rate of %s is.") % money.currency)
    entry = LedgerEntry(
        team=team,
        project=project,
        member=member,
        entered_by=entered_by,
        kind=kind,
        description=description,
        provider=provider,
        started_at=timezone.make_aware(datetime.combine(day, time.min)),
        billed_usd=money.usd,
        effective_usd=money.usd,
        amount=money.amount,
        currency=money.currency,
        usd_per_currency=money.usd_per_currency,
        rate_on=money.rate_on,
        note=note,
    )
    entry.save()
    return entry
