"""A job's quote on the pages of others: what was expected when it was made, against what it took or is on course to take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Sum
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from economics.uncertainty import Interval
from webapp.costs.models import LedgerEntry
from webapp.jobs.models import HELD_STATES, Job
from webapp.quotes.models import Quote, QuoteOutcome

LEAST_FRACTION = 0.05
"""Of the work done, before which no course is told."""

NAMES = {
    "seconds": _("time"), "usd": _("cost"), "to_pay_usd": _("to pay"), "kwh": _("energy"), "co2e_kg": "CO₂e",
    "memory_bytes": _("memory"),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Against:
    """A quantity as quoted, and as it came."""

    name: str
    title: str
    quoted: Interval | None
    actual: float | None
    is_course: bool = False
    """It still runs: told from how far it is."""

    @property
    def is_inside(self) -> bool | None:
        return None if self.quoted is None or self.actual is None else self.actual in self.quoted

    @property
    def ratio(self) -> float | None:
        if self.quoted is None or self.actual is None or not self.quoted.p50:
            return None
        return self.actual / self.quoted.p50


def job_panel(request: HttpRequest, job: Job) -> str:
    """Return quote against actual of a job; empty for one that was never quoted."""
    quote = Quote.objects.filter(job=job).select_related("outcome").first()
    if quote is None:
        return ""
    outcome: QuoteOutcome | None = getattr(quote, "outcome", None)
    context = {
        "quote": quote,
        "outcome": outcome,
        "rows": against(job, quote, outcome),
        "has_basis": quote.basis != "none",
        "project": job.project,
    }
    return render_to_string("quotes/_against.html", context, request=request)


def run_panel(request: HttpRequest, run: Any) -> str:
    """Return the same of the job that works, or worked last, on a run."""
    return job_panel(request, run.latest_job)


def against(job: Job, quote: Quote, outcome: QuoteOutcome | None) -> list[Against]:
    """Return each quantity that was quoted or is known now."""
    course = _course_seconds(job) if outcome is None else None
    found = []
    for name, title in NAMES.items():
        quoted = quote.interval(name)
        if name == "to_pay_usd" and quoted is None:
            continue  # no contract: the cost is what is paid
        actual = None
        if outcome:
            actual = _billed_usd(job) if name == "to_pay_usd" else outcome.actual(name)
        if course is not None:
            actual = course if name == "seconds" else _in_step(quote, name, course)
        if quoted is not None or actual is not None:
            found.append(
                Against(name=name, title=str(title), quoted=quoted, actual=actual, is_course=course is not None)
            )
    return found


def _billed_usd(job: Job) -> float | None:
    """Return what a job's work was billed at: what left the bank, after credits and reserved hours."""
    spent = LedgerEntry.objects.filter(job=job, kind__in=(LedgerEntry.Kind.COMPUTE, LedgerEntry.Kind.ENERGY))
    billed: float | None = spent.aggregate(usd=Sum("billed_usd"))["usd"]
    return None if billed is None else float(billed)


def _course_seconds(job: Job) -> float | None:
    """Return how long the job will take if it goes on as it did; None before that can be told."""
    fraction = job.progress_fraction
    if job.state not in HELD_STATES or job.started_at is None or not fraction or fraction < LEAST_FRACTION:
        return None
    return (timezone.now() - job.started_at).total_seconds() / fraction


def _in_step(quote: Quote, name: str, seconds: float) -> float | None:
    """Return money and energy of so many seconds, by the quote's own rates; None of what does not go with time."""
    quoted, time = quote.interval(name), quote.seconds
    if name == "memory_bytes" or quoted is None or time is None or not time.p50:
        return None
    return seconds * quoted.p50 / time.p50
