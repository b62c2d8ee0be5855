"""What can be done to a job by people and apps. Every change of state is one conditional UPDATE (moves.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Min
from django.utils.translation import gettext as _

from webapp.jobs.doorbell import notify_supervisor, ring_job_on_commit
from webapp.jobs.errors import JobError, JobRefused
from webapp.jobs.kinds import gates, kind_of, made_hooks
from webapp.jobs.models import (
    HELD_STATES,
    Job,
    QueueControl,
    State,
    StopRequest,
    TeamLimit,
)
from webapp.jobs.moves import final_state, job_move
from webapp.jobs.steady import guarded
from webapp.jobs.wake import queue_wake_on_commit
from webapp.projects.models import Project
from webapp.teams.models import Team, User

NOT_GIVEN = {field.name for field in Job._meta.fields} - {
    "kind",
    "title",
    "spec",
    "queue",
    "priority",
    "num_devices",
    "idempotency_key",
}
"""Fields that the machinery fills in, and not whoever makes a job."""


def job_create(
    *,
    project: Project,
    kind: str,
    spec: Mapping[str, Any],
    created_by: User | None,
    title: str = "",
    queue: str | None = None,
    priority: int = 0,
    idempotency_key: str | None = None,
    max_failures: int | None = None,
    num_devices: int = 1,
) -> Job:
    """Put a job in the queue and wake it after commit. The same key in the same team gives the same job, made once.

    `spec` is as in spec.json, with its `kind` and `version`. Raises `JobRefused` if a limit or a budget forbids it.
    """
    job_kind = kind_of(kind)
    if idempotency_key and (made := _made_before(project.team, idempotency_key)):
        return made
    job = Job(
        project=project,
        team=project.team,
        kind=kind,
        spec=dict(spec),
        created_by=created_by,
        title=title[:200],
        queue=queue or job_kind.queue,
        priority=priority,
        idempotency_key=idempotency_key or None,
        max_failures=job_kind.max_failures if max_failures is None else max_failures,
        num_devices=num_devices,
    )
    try:
        with transaction.atomic():
            _insert(job)
    except IntegrityError:
        made = _made_before(project.team, idempotency_key) if idempotency_key else None
        if made is None:
            raise
        return made
    return job


def _insert(job: Job) -> None:
    for gate in gates():
        gate(job)
    _refuse_beyond_limit(job.team)
    job.full_clean(exclude=NOT_GIVEN, validate_constraints=False)
    job.save()
    Job.objects.filter(pk=job.pk).update(position=job.pk)
    job.position = job.pk
    who = str(job.created_by) if job.created_by else ""
    job_move(job.pk, old=[State.QUEUED], new=State.QUEUED, say="queued", payload={"by": who})
    job.last_seq = 1
    for hook in made_hooks():
        hook(job)
    queue_wake_on_commit(job.queue)


def _made_before(team: Team, key: str) -> Job | None:
    return Job.objects.filter(team=team, idempotency_key=key).first()


def _refuse_beyond_limit(team: Team) -> None:
    limit = TeamLimit.objects.select_for_update().filter(team=team, max_queued__isnull=False).first()
    if limit is None or limit.max_queued is None:
        return
    if Job.objects.filter(team=team, state=State.QUEUED).count() >= limit.max_queued:
        raise JobRefused(
            _("%(team)s has %(n)d jobs waiting, which is its limit. Cancel one, or wait until one starts.")
            % {"team": team, "n": limit.max_queued}
        )


def job_stop(*, job: Job, by: User | None) -> Job:
    """Ask the job to save what it has and end. One that waits ends at once; one that has ended stays as it is."""
    return _job_ask(job, StopRequest.STOP, by)


def job_cancel(*, job: Job, by: User | None) -> Job:
    """End the job without saving more. A cancel outranks a stop; one that has ended stays as it is."""
    return _job_ask(job, StopRequest.CANCEL, by)


@transaction.atomic
def _job_ask(job: Job, request: StopRequest, by: User | None) -> Job:
    row = Job.objects.select_for_update().get(pk=job.pk)
    who = str(by) if by else ""
    if row.state == State.QUEUED:
        _end_waiting(row, request, who)
    elif row.state in HELD_STATES and row.stop_request != StopRequest.CANCEL and row.stop_request != request:
        payload = {"request": str(request), "by": who}
        job_move(
            row.pk, old=HELD_STATES, new=State.STOPPING, say="stop_requested", payload=payload, stop_request=request
        )
        notify_supervisor(row.pk)
    row.refresh_from_db()
    return row


def _end_waiting(job: Job, request: StopRequest, who: str) -> None:
    """End a job that no worker has; its kind is told, with the latest attempt if there was one."""
    state = final_state(request)
    sentence = _("Ended on request while it waited in the queue.")
    job_move(
        job.pk,
        old=[State.QUEUED],
        new=state,
        say="ended",
        payload={"outcome": str(state), "code": str(state), "sentence": sentence, "by": who},
        stop_request=request,
        reason_code=str(state),
        reason=sentence,
    )
    job.refresh_from_db()
    guarded(kind_of(job.kind).on_end, job, job.attempts.order_by("-fence").first())


def job_retry(*, job: Job, by: User | None) -> Job:
    """Make a new job that does again what this one, which failed or was ended, did not do. A finished job never reopens."""
    if job.state not in (State.FAILED, State.CANCELLED, State.STOPPED):
        raise JobError(
            _("Only a job that failed, was stopped or cancelled can be tried again; this one is %s.") % job.state
        )
    return kind_of(job.kind).retry(job, by)


def job_prioritise(*, job: Job, priority: int) -> bool:
    """Set the priority of a waiting job; False if it no longer waits."""
    changed = Job.objects.filter(pk=job.pk, state=State.QUEUED).update(priority=priority) == 1
    ring_job_on_commit(job.pk)
    return changed


@transaction.atomic
def job_reorder(*, job: Job, direction: str) -> bool:
    """Move a waiting job `up`, `down` or to the `top` among its team's jobs of the queue; False if it cannot."""
    rows = Job.objects.filter(team=job.team, queue=job.queue, state=State.QUEUED)
    row = rows.select_for_update().filter(pk=job.pk).first()
    if row is None:
        return False
    others = rows.exclude(pk=row.pk).filter(priority=row.priority)
    if direction == "top":
        first = others.aggregate(first=Min("position"))["first"]
        new = row.position if first is None else min(row.position, first - 1)
    elif direction == "up":
        ahead = list(
            others.filter(position__lt=row.position).order_by("-position").values_list("position", flat=True)[:2]
        )
        new = _between(ahead, row.position, step=-1)
    else:
        behind = list(
            others.filter(position__gt=row.position).order_by("position").values_list("position", flat=True)[:2]
        )
        new = _between(behind, row.position, step=1)
    rows.filter(pk=row.pk).update(position=new)
    return new != row.position


def _between(neighbours: list[float], own: float, *, step: int) -> float:
    """Return a place just beyond the nearest neighbour and before the one after it."""
    if not neighbours:
        return own
    return neighbours[0] + step if len(neighbours) == 1 else (neighbours[0] + neighbours[1]) / 2


def queue_pause(*, queue: str, is_paused: bool) -> None:
    """Let no job of the queue start, or let them start again. Running jobs go on."""
    QueueControl.objects.update_or_create(queue=queue, defaults={"is_paused": is_paused})
    if not is_paused:
        queue_wake_on_commit(queue)


def team_limit_set(*, team: Team, max_running: int | None, max_queued: int | None) -> TeamLimit:
    """Limit how much of the installation a team may use at once; None means no limit."""
    limit, _made = TeamLimit.objects.update_or_create(
        team=team, defaults={"max_running": max_running, "max_queued": max_queued}
    )
    for queue in Job.objects.filter(team=team, state=State.QUEUED).values_list("queue", flat=True).distinct():
        queue_wake_on_commit(queue)
    return limit
