"""The end of an attempt: its row, its lease, the job's next state and all hooks, in one transaction with the fence."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction

from webapp.jobs.claim import Claim
from webapp.jobs.clock import ClockTimestamp
from webapp.jobs.ends import NUM_RETRIES_BY_CODE, End
from webapp.jobs.kinds import end_hooks, kind_of, stop_reason_of
from webapp.jobs.models import HELD_STATES, Attempt, Job, Lease, State
from webapp.jobs.moves import final_state, job_held, job_move
from webapp.jobs.steady import guarded
from webapp.jobs.wake import queue_wake_on_commit


@transaction.atomic
def attempt_finish(
    claim: Claim, end: End, *, energy_kwh: float | None = None, log_tail: str = "", ended_at: datetime | None = None
) -> State:
    """End the attempt and return the job's new state; raise `Fenced` if the attempt no longer holds the job."""
    job = job_held(claim.job_id, claim.fence)
    Attempt.objects.filter(job=job, fence=claim.fence).update(
        ended_at=ended_at or ClockTimestamp(),
        outcome=end.outcome,
        reason_code=end.code,
        reason=end.sentence,
        energy_kwh=energy_kwh,
        log_tail=log_tail,
    )
    Lease.objects.filter(job=job, fence=claim.fence).delete()
    state, fields = _next(job, end)
    code, sentence = fields.get("reason_code", end.code), fields.get("reason", end.sentence)
    say = "ended" if state != State.QUEUED else ("released" if end.outcome == "released" else "requeued")
    moved = job_move(
        job.pk,
        old=HELD_STATES,
        new=state,
        fence=claim.fence,
        say=say,
        payload={"outcome": end.outcome, "code": code, "sentence": sentence},
        **fields,
    )
    assert moved, "the row was locked in a held state"
    _call_hooks(
        Attempt.objects.select_related("job", "job__project", "job__team", "worker").get(
            job_id=job.pk, fence=claim.fence
        )
    )
    queue_wake_on_commit(job.queue)
    return state


def _next(job: Job, end: End) -> tuple[State, dict[str, Any]]:
    """Return the state that follows, and the fields that go with it."""
    if end.outcome == "released" and not job.stop_request:
        return State.QUEUED, {}
    if end.outcome in ("released", "died"):
        return _after_death(job, end)
    return State(end.outcome), _reason(job, end)


def _reason(job: Job, end: End) -> dict[str, Any]:
    """Return why the job ended; of one that an app asked to stop, what the app says."""
    asked = stop_reason_of(job) if end.outcome == "stopped" else None
    if asked is None:
        return {"reason_code": end.code, "reason": end.sentence}
    code, sentence = asked
    return {"reason_code": code, "reason": sentence if end.code == "stopped" else f"{sentence} {end.sentence}"}


def _after_death(job: Job, end: End) -> tuple[State, dict[str, Any]]:
    if job.stop_request:
        return final_state(job.stop_request), {"reason_code": end.code, "reason": end.sentence}
    num_failures = job.num_failures + 1
    num_alike = Attempt.objects.filter(job=job, reason_code=end.code).count()  # this one included
    again = num_failures < job.max_failures and num_alike <= NUM_RETRIES_BY_CODE.get(end.code, num_alike)
    fields: dict[str, Any] = {"num_failures": num_failures, "reason_code": end.code}
    if again:
        return State.QUEUED, {**fields, "reason": f"{end.sentence} It is tried again."}
    return State.FAILED, {**fields, "reason": f"{end.sentence} Given up after {num_failures} such ends."}


def _call_hooks(attempt: Attempt) -> None:
    """Call the end hooks, and the kind's if the job is final. A hook that fails is logged: the job must end all the same."""
    for hook in end_hooks():
        guarded(hook, attempt)
    if attempt.job.is_final:
        guarded(kind_of(attempt.job.kind).on_end, attempt.job, attempt)
