"""How jobs and workers are shown: states that are derived and stored nowhere, and their words.

starting   claimed, but the trainer has not said anything yet
lost       the lease lapsed and nobody reaped it yet; goes back to running by itself if the worker returns
waiting    queued, and there is a reason why it does not start: the queue is paused, the team is at its limit, no worker
"""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from webapp.jobs.models import HELD_STATES, Job, Lease, State, Worker

WORDS = {
    "queued": gettext_lazy("queued"),
    "waiting": pgettext_lazy("state of a job", "waiting"),
    "starting": gettext_lazy("starting"),
    "running": gettext_lazy("running"),
    "stopping": gettext_lazy("stopping"),
    "lost": pgettext_lazy("state of a job", "worker lost"),
    "succeeded": gettext_lazy("done"),
    "stopped": gettext_lazy("stopped"),
    "failed": gettext_lazy("failed"),
    "cancelled": gettext_lazy("cancelled"),
}


def shown_state(job: Job) -> str:
    """Return the state as people see it."""
    if job.state not in HELD_STATES:
        return job.state
    lease = lease_of(job)
    if lease is None:
        return job.state
    if lease.until < timezone.now():
        return "lost"
    if job.state == State.RUNNING and lease.progressed_at is None:
        return "starting"
    return job.state


def lease_of(job: Job) -> Lease | None:
    """Return the job's lease, None if nobody works on it."""
    try:
        return job.lease
    except Lease.DoesNotExist:
        return None


def state_word(state: str) -> str:
    """Return the word for a shown state."""
    return str(WORDS.get(state, state))


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerState:
    """How a worker is doing."""

    name: str
    """`running`, `idle`, `lost` or `stopped`: also what colours its badge."""

    word: str


def worker_state(worker: Worker, *, num_running: int) -> WorkerState:
    """Return how a worker is doing, by its heartbeat."""
    if worker.stopped_at is not None:
        return WorkerState(name="stopped", word=_("stopped"))
    if (timezone.now() - worker.seen_at).total_seconds() > silence_seconds():
        return WorkerState(name="lost", word=_("no heartbeat"))
    if num_running:
        return WorkerState(name="running", word=_("working"))
    return WorkerState(name="ready", word=_("idle"))


def silence_seconds() -> float:
    """Return after how long without a heartbeat a worker counts as lost."""
    return max(3 * float(settings.ISOCOST_RENEW_SECONDS), 5.0)
