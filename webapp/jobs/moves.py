"""State moves and the events that tell of them. The one place where a job's state and its sequence number change."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import F

from webapp.jobs.clock import ClockTimestamp
from webapp.jobs.doorbell import ring_job_on_commit
from webapp.jobs.errors import Fenced
from webapp.jobs.models import FINAL_STATES, HELD_STATES, Attempt, Job, JobEvent, State


@transaction.atomic
def job_move(
    job_id: int,
    *,
    old: Iterable[str],
    new: str,
    say: str,
    payload: dict[str, Any] | None = None,
    fence: int | None = None,
    next_fence: bool = False,
    **fields: Any,
) -> bool:
    """Move a job from one of the states `old` to `new` and write the event `say`; False if it was moved first.

    With `fence`, only if that attempt is still the job's latest; with `next_fence`, a new attempt begins.
    """
    rows = Job.objects.filter(pk=job_id, state__in=list(old))
    if fence is not None:
        rows = rows.filter(fence=fence)
    if new in FINAL_STATES:
        fields["ended_at"] = ClockTimestamp()
    if next_fence:
        fields["fence"] = F("fence") + 1
    if rows.update(state=new, last_seq=F("last_seq") + 1, **fields) == 0:
        return False
    job = Job.objects.only("last_seq", "fence").get(pk=job_id)
    JobEvent.objects.create(
        job_id=job_id,
        seq=job.last_seq,
        fence=job.fence,
        at=ClockTimestamp(),
        type=say,
        payload={"type": say, "state": str(new), **(payload or {})},
    )
    ring_job_on_commit(job_id)
    return True


def job_say(job_id: int, say: str, payload: dict[str, Any] | None = None) -> bool:
    """Write an event of the web app on a job that goes on; False if it has ended."""
    with transaction.atomic():
        state = Job.objects.select_for_update().filter(pk=job_id).values_list("state", flat=True).first()
        if state is None or state in FINAL_STATES:
            return False
        return job_move(job_id, old=[state], new=state, say=say, payload=payload)


def job_held(job_id: int, fence: int) -> Job:
    """Lock the job's row for a write of its attempt; raise `Fenced` if the attempt no longer holds the job."""
    job = Job.objects.select_for_update().filter(pk=job_id, fence=fence, state__in=HELD_STATES).first()
    if job is None:
        raise Fenced(f"attempt {fence} of job {job_id} no longer holds it")
    return job


def attempt_held(job_id: int, fence: int) -> Attempt:
    """Return the attempt with its job, whose row is locked as by `job_held`."""
    held = Attempt.objects.select_for_update(of=("job",)).select_related("job")
    attempt = held.filter(job=job_id, fence=fence, job__fence=fence, job__state__in=HELD_STATES).first()
    if attempt is None:
        raise Fenced(f"attempt {fence} of job {job_id} no longer holds it")
    return attempt


def final_state(stop_request: str) -> State:
    """Return how a job ends that ends because somebody asked."""
    return State.CANCELLED if stop_request == "cancel" else State.STOPPED
