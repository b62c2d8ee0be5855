"""What a sweep has spent, the runs that are at work included, and what its next run may cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils import timezone

from trainer.sweep.space import spec_with
from webapp.costs.queries import job_spend
from webapp.jobs.models import ACTIVE_STATES, Job
from webapp.quotes.devices import Device, device_of_queue
from webapp.quotes.figures import QuoteFigures
from webapp.quotes.services import quote_on
from webapp.runs.estimates import queue_of
from webapp.runs.work import train_work
from webapp.sweeps.models import Sweep, Trial

NUM_HELD_AGAINST = 5
"""Runs, the latest, that the quotes are held against: each is quoted anew."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Spent:
    usd: float
    seconds: float

    def share_of(self, sweep: Sweep) -> float:
        """Return how much of the budget is gone: of dollars or of hours, whichever is nearer its end."""
        shares = [self.usd / sweep.budget_usd] if sweep.budget_usd else []
        shares += [self.seconds / 3600 / sweep.budget_hours] if sweep.budget_hours else []
        return max(shares, default=0.0)


def spent_on(sweep: Sweep) -> Spent:
    """Return the ledger's entries of all trials, and what the attempts at work have taken up to now."""
    jobs = Job.objects.filter(train_job__run__sweep_trial__sweep=sweep)
    booked = job_spend(jobs=jobs)
    usd, seconds = float(booked.effective_usd), booked.seconds
    for job in jobs.filter(state__in=ACTIVE_STATES):
        attempt = job.attempts.filter(ended_at=None).order_by("-fence").first()
        if attempt is not None:
            passed = max(0.0, (timezone.now() - attempt.started_at).total_seconds())
            device = device_of_queue(job.queue)
            seconds += passed
            usd += passed / 3600 * (device.usd_per_hour or 0.0 if device else 0.0)
    return Spent(usd=usd, seconds=seconds)


def trial_quote(sweep: Sweep, values: dict[str, object]) -> QuoteFigures | None:
    """Return what a run with these values is expected to take; None where no worker is there to tell."""
    spec = spec_with(sweep.spec, values)
    device: Device | None = device_of_queue(queue_of(spec))
    if device is None:
        return None
    work = train_work(spec, sweep.dataset_version, device)
    return quote_on(work, device, team=sweep.project.team, kind="train")


def next_costs(sweep: Sweep, values: dict[str, object], trials: list[Trial]) -> Spent:
    """Return what the next run will take: by its quote, as far as the quotes of those before it held, or as much as these took.

    Where nothing is known it is nothing.
    """
    whole = [trial for trial in trials if trial.seconds and trial.stopped_at_step is None][-NUM_HELD_AGAINST:]
    quotes = [trial_quote(sweep, each) for each in (values, *(trial.values for trial in whole))]
    seconds = [quote.seconds.p50 if quote and quote.seconds else 0.0 for quote in quotes]
    usd = [quote.usd.p50 if quote and quote.usd else 0.0 for quote in quotes]
    return Spent(
        usd=expected(usd[0], usd[1:], [trial.usd or 0.0 for trial in whole]),
        seconds=expected(seconds[0], seconds[1:], [trial.seconds or 0.0 for trial in whole]),
    )


def expected(quoted: float, quoted_before: Sequence[float], took: Sequence[float]) -> float:
    """Return a quote times what those before it took for each unit that they were quoted at.

    >>> expected(10.0, [20.0, 20.0], [5.0, 15.0])
    5.0
    """
    if not took:
        return quoted
    if not quoted or not all(quoted_before):
        return sum(took) / len(took)
    return quoted * sum(took) / sum(quoted_before)
