"""Rows that tests of the ledger begin with: attempts of jobs that have ended, on a machine called `here · A`."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from django.utils import timezone

from tests.factories import Cast
from webapp.costs.models import LedgerEntry, Machine
from webapp.costs.services import ledger_write
from webapp.jobs.kinds import JobKind, kinds, register_kind
from webapp.jobs.models import Attempt, Job, JobEvent, State, Worker


class PlainKind(JobKind):
    name = "plain"

    def model_label(self, job: Job) -> str:
        return "a model"


if "plain" not in kinds():
    register_kind(PlainKind())


def make_machine(usd_per_hour: str | None = "2", *, provider: str = "") -> Machine:
    price = None if usd_per_hour is None else Decimal(usd_per_hour)
    return Machine.objects.create(host="here", device="A", usd_per_device_hour=price, provider=provider)


def make_attempt(
    cast: Cast, *, hours: float, started_at: datetime | None = None, outcome: str = "succeeded",
    state: str = State.SUCCEEDED, job: Job | None = None, checkpoint_after_hours: float | None = None,
) -> Attempt:  # fmt: skip
    """Return an attempt that has ended, of a new job or of one that had some; nothing is in the ledger yet."""
    worker, _ = Worker.objects.get_or_create(
        name="here/cpu/1", defaults={"host": "here", "queue": "cpu", "hardware": {"processor": "A", "num_cores": 2}}
    )
    start = started_at or timezone.now() - timedelta(hours=hours)
    end = start + timedelta(hours=hours)
    if job is None:
        job = Job.objects.create(
            project=cast.project, team=cast.team, kind="plain", spec={}, state=state, ended_at=end, created_by=cast.bob,
            fence=2,
        )  # fmt: skip
    fence = job.attempts.count() + 1
    if checkpoint_after_hours is not None:
        at = start + timedelta(hours=checkpoint_after_hours)
        JobEvent.objects.create(job=job, seq=fence, fence=fence, at=at, type="checkpoint", payload={})
    return Attempt.objects.create(job=job, fence=fence, worker=worker, started_at=start, ended_at=end, outcome=outcome)


def charge(attempt: Attempt) -> LedgerEntry:
    """Write the attempt into the ledger, and return the entry of its device."""
    ledger_write(attempt)
    return LedgerEntry.objects.get(job=attempt.job, fence=attempt.fence, kind="compute")
