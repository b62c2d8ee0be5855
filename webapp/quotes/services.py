"""Quotes are made before a job's row is, kept with it, and compared with what it took when it ended.

quote_of(job)       what the job is expected to take; None where nothing tells its time. Reckoned once a job object.
quote_beside(jobs)  the same of jobs that are not made yet, and on other machines: what stands beside a button
quote_work(...)     the same of work that is not a job yet: what forms show while they are filled in
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db import DatabaseError
from django.db.models import Sum
from django.utils import timezone

from webapp.costs.models import LedgerEntry
from webapp.costs.services import machine_ensure
from webapp.jobs.kinds import WorkFacts, kind_of
from webapp.jobs.models import Attempt, Job, JobEvent, State
from webapp.quotes.devices import Device, device_of_queue, under_terms
from webapp.quotes.elsewhere import Elsewhere, elsewhere_of
from webapp.quotes.figures import QuoteFigures, figures, sum_of
from webapp.quotes.history import OWN_JOB_SPREAD, job_spread, outcomes, own_rate, past_jobs, past_of_rate
from webapp.quotes.models import Quote, QuoteOutcome
from webapp.teams.models import Team

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Beside:
    """What stands beside a button that makes jobs."""

    quote: QuoteFigures
    elsewhere: Elsewhere


NOWHERE = Device(name="")
"""No worker of the queue is there: what the job needs is known, what it takes is not."""


def quote_of(job: Job) -> QuoteFigures | None:
    """Return what a job is expected to take, also before its row is saved; None where nothing tells its time."""
    found = _quoted(job)
    return found[1] if found and found[1].has_basis else None


def quote_beside(jobs: Sequence[Job]) -> Beside | None:
    """Return what jobs that one button makes, one after another, are expected to take; None where no kind can say.

    Without `seconds` where one of them has no basis yet.
    """
    found = [quoted for job in jobs if (quoted := _quoted(job)) is not None]
    if not found or len(found) < len(jobs):
        return None
    quote = sum_of([quote for _work, quote in found])
    return Beside(quote=quote, elsewhere=elsewhere_of([work for work, _quote in found], quote, jobs[0].team))


def quote_work(work: WorkFacts, *, team: Team, kind: str, queue: str) -> QuoteFigures:
    """Return what some work of a team is expected to take on the device that would do it."""
    return quote_on(work, device_of_queue(queue) or NOWHERE, team=team, kind=kind)


def quote_on(work: WorkFacts, device: Device, *, team: Team, kind: str) -> QuoteFigures:
    """Return what some work of a team is expected to take on a device."""
    rows, device = outcomes(team, kind), under_terms(device, team)
    if work.units_per_second:
        past = past_jobs(rows)
        return figures(work, replace(device, job_spread=job_spread(rows)), past=past)
    own = own_rate(rows, work, device)
    if own is None:
        return figures(work, device)
    past = past_of_rate(rows, own, work)
    spread = job_spread([row for row in rows if row.quote.group == work.group], OWN_JOB_SPREAD)
    return figures(work, replace(device, job_spread=spread), past=past, own=own)


def quote_made(job: Job) -> None:
    """Keep a new job's quote. A made hook: called in the transaction in which the job was made."""
    found = _quoted(job)
    if found is None:
        return
    work, quoted = found
    Quote.objects.create(
        job=job,
        team_id=job.team_id,
        project_id=job.project_id,
        kind=job.kind,
        group=work.group,
        device=quoted.device,
        machine_id=quoted.machine_id,
        basis=quoted.basis,
        num_own_jobs=quoted.num_own_jobs,
        amount=work.amount,
        unit=work.unit,
        base_seconds=quoted.base_seconds,
        fixed_seconds=work.fixed_seconds,
        intervals=quoted.intervals(),
        memory_by_part=quoted.memory_by_part,
        device_memory_bytes=quoted.device_memory_bytes,
        fits=quoted.fits,
        price_basis={**quoted.price_basis, "grid_kg_per_kwh": quoted.grid_kg_per_kwh},
        assumptions=quoted.assumptions,
        file=quoted.file,
    )


def quote_ended(attempt: Attempt) -> None:
    """Keep what a quoted job took, once it is final. An end hook; it comes after the ledger's."""
    job = attempt.job
    if not job.is_final:
        return
    quote = Quote.objects.filter(job=job).first()
    if quote is None or QuoteOutcome.objects.filter(quote=quote).exists():
        return
    spent = LedgerEntry.objects.filter(job=job, kind__in=(LedgerEntry.Kind.COMPUTE, LedgerEntry.Kind.ENERGY))
    sums: dict[str, Any] = spent.aggregate(usd=Sum("effective_usd"), kwh=Sum("energy_kwh"), co2e_kg=Sum("co2e_kg"))
    told = spent.filter(energy_kwh__gt=0)
    QuoteOutcome.objects.create(
        quote=quote,
        state=job.state,
        is_censored=job.state != State.SUCCEEDED,
        device=str(machine_ensure(worker=attempt.worker)),
        seconds=sum(each.seconds or 0.0 for each in job.attempts.all()),
        usd=sums["usd"],
        kwh=sums["kwh"],
        energy_is_measured=told.exists() and not told.filter(energy_is_measured=False).exists(),
        co2e_kg=sums["co2e_kg"],
        peak_memory_bytes=_peak_memory_bytes(job),
        ended_at=attempt.ended_at or timezone.now(),
    )


def _quoted(job: Job) -> tuple[WorkFacts, QuoteFigures] | None:
    """Return a job's work and its quote, reckoned once for each job object. A kind that fails to say is logged, not fatal."""
    if not hasattr(job, "_quoted"):
        job._quoted = _reckoned(job)  # type: ignore[attr-defined]
    return job._quoted  # type: ignore[attr-defined, no-any-return]


def _reckoned(job: Job) -> tuple[WorkFacts, QuoteFigures] | None:
    try:
        work = kind_of(job.kind).quote(job)
        return None if work is None else (work, quote_work(work, team=job.team, kind=job.kind, queue=job.queue))
    except DatabaseError:
        raise  # the transaction is broken; hiding it would break what follows
    except Exception:
        log.exception("no quote for a job of kind %s", job.kind)
        return None


def _peak_memory_bytes(job: Job) -> float | None:
    """Return what the trainer said it took at most; None if it said nothing."""
    for payload in JobEvent.objects.filter(job=job, type="finished").values_list("payload", flat=True):
        found = (payload.get("result") or {}).get("peak_memory_bytes")
        if found:
            return float(found)
    return None
