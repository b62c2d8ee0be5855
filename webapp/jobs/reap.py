"""What looks after jobs that nobody looks after: the reaper of lapsed leases, and the sweeper that wakes idle queues.

Both run in every worker process and from its clock; an advisory lock lets one at a time do it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db import transaction

from webapp.jobs.claim import Claim
from webapp.jobs.clock import ClockTimestamp, fetch_value, seconds_since_database_ready
from webapp.jobs.ends import End
from webapp.jobs.errors import Fenced
from webapp.jobs.finish import attempt_finish
from webapp.jobs.models import Job, Lease, QueueControl, State
from webapp.jobs.moves import job_held
from webapp.jobs.wake import queue_wake

log = logging.getLogger(__name__)
REAP_LOCK, SWEEP_LOCK = 7_461_001, 7_461_002
WORKER_LOST = End(
    outcome="died",
    code="worker_lost",
    sentence="The worker that ran the job was lost: no sign of life until its lease lapsed.",
)


def leases_reap() -> int:
    """Put jobs back in the queue (or end them) whose lease lapsed; return how many.

    Not in the first minute after PostgreSQL began to answer: workers must first have had a chance to renew.
    """
    if seconds_since_database_ready() < settings.ISOCOST_REAP_GRACE_SECONDS:
        return 0
    with transaction.atomic():
        if not _alone(REAP_LOCK):
            return 0
        lapsed = list(Lease.objects.filter(until__lt=ClockTimestamp()).order_by("until")[:100])
        return sum(_reap(lease, until__lt=ClockTimestamp()) for lease in lapsed)


def leases_left_behind(leases: Iterable[Lease]) -> int:
    """Put jobs back in the queue whose leases were not renewed since they were read; return how many.

    For a worker that starts again under its old name: what its dead predecessor held need not wait for the lease to lapse.
    """
    return sum(_reap(lease, renewed_at=lease.renewed_at) for lease in leases)


def _reap(lease: Lease, **still: Any) -> bool:
    """Reap one lease if `still` holds for it; False if it was renewed or taken away meanwhile."""
    claim = Claim(job_id=lease.job_id, fence=lease.fence, worker_id=lease.worker_id)
    try:
        with transaction.atomic():
            job_held(lease.job_id, lease.fence)  # locked first, as every writer does
            rows = Lease.objects.select_for_update().filter(pk=lease.pk, fence=lease.fence, **still)
            if not rows.exists():
                return False
            state = attempt_finish(claim, WORKER_LOST, ended_at=lease.renewed_at)
    except Fenced:
        return False
    except Exception:
        log.exception("the lapsed lease of job %s could not be reaped; it is tried again", lease.job_id)
        return False
    log.warning("job %s was taken from a lost worker and is now %s", lease.job_id, state)
    return True


def queues_sweep() -> list[str]:
    """Wake each queue that has jobs waiting and is not paused; return those that were woken."""
    with transaction.atomic():
        if not _alone(SWEEP_LOCK):
            return []
        paused = QueueControl.objects.filter(is_paused=True).values("queue")
        waiting = Job.objects.filter(state=State.QUEUED).exclude(queue__in=paused)
        queues = sorted(set(waiting.values_list("queue", flat=True)))
    return [queue for queue in queues if queue_wake(queue)]


def _alone(lock: int) -> bool:
    """Take the lock for the rest of this transaction; False if another process has it."""
    return bool(fetch_value("SELECT pg_try_advisory_xact_lock(%s)", (lock,)))
