"""What an hour of a run costs, as far as it is known. The costs app keeps the prices; unknown is None, never 0."""

from __future__ import annotations

from webapp.costs.queries import worker_usd_per_hour
from webapp.jobs.models import Attempt, Worker
from webapp.runs.models import Run


def worker_of(run: Run) -> Worker | None:
    """Return who works, or worked last, on the run."""
    attempts = Attempt.objects.filter(job__train_job__run=run).select_related("worker")
    attempt = attempts.order_by("-started_at", "-id").first()
    return attempt.worker if attempt else None


def usd_per_hour(run: Run) -> float | None:
    """Return the price of one device-hour of the machine that works, or worked last, on the run."""
    worker = worker_of(run)
    return None if worker is None else worker_usd_per_hour(worker)
