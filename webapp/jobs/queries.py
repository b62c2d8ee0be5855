"""What the queue page and the job page show, read in a fixed number of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db import connection
from django.db.models import Count, QuerySet

from webapp.jobs.claim import SERVED_SQL, SERVED_WINDOW_HOURS
from webapp.jobs.display import WorkerState, worker_state
from webapp.jobs.models import HELD_STATES, Job, JobEvent, Queue, QueueControl, State, TeamLimit, Worker
from webapp.teams.models import Membership, Role, Team, User

MAX_SHOWN = 200
"""Waiting jobs listed of each queue; the rest is counted."""
TYPICAL_JOB_SECONDS = 600.0
"""What a waiting job is taken to need when the order of starts is foretold; only the order depends on it."""
QUIET_EVENTS = ("progress", "metrics", "sample", "checkpoint_removed", "resolved", "report")
"""Events that a list for people leaves out: each has a place of its own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JobRow:
    """A job as one person may see it on the queue page."""

    job: Job
    is_visible: bool
    """Whether it belongs to a team of theirs; otherwise nothing of it is named."""

    may_change: bool
    place: int = 0
    """Expected order of start, from 1; 0 for a running job."""

    team_is_full: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueView:
    """One queue."""

    name: str
    label: str
    is_paused: bool
    running: list[JobRow]
    waiting: list[JobRow]
    num_waiting: int
    workers: list[WorkerRow]

    @property
    def num_idle_workers(self) -> int:
        return sum(row.state.name in ("ready", "running") for row in self.workers)


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerRow:
    worker: Worker
    state: WorkerState
    jobs: list[JobRow] = field(default_factory=list)

    @property
    def device_name(self) -> str:
        """Return what it computes with: the GPU's name, or the processor's."""
        hardware = self.worker.hardware
        for device in hardware.get("devices", ()):
            if device.get("device") == self.worker.device:
                return str(device["name"])
        return str(hardware.get("processor", ""))


def queue_views(user: User) -> list[QueueView]:
    """Return every queue as the user may see it."""
    roles = {team: Role(role) for team, role in Membership.objects.filter(user=user).values_list("team_id", "role")}
    jobs = list(_active_jobs())
    paused = set(QueueControl.objects.filter(is_paused=True).values_list("queue", flat=True))
    full = full_teams()
    workers = list(Worker.objects.all())
    views = []
    for queue in Queue:
        held = [job for job in jobs if job.queue == queue and job.state in HELD_STATES]
        waiting = expected_order([job for job in jobs if job.queue == queue and job.state == State.QUEUED])
        running = [_row(job, roles) for job in held]
        views.append(
            QueueView(
                name=queue.value,
                label=str(queue.label),
                is_paused=queue.value in paused,
                running=running,
                waiting=[
                    _row(job, roles, place=place, full=full) for place, job in enumerate(waiting[:MAX_SHOWN], start=1)
                ],
                num_waiting=len(waiting),
                workers=_worker_rows([worker for worker in workers if worker.queue == queue], running),
            )
        )
    return views


def _active_jobs() -> QuerySet[Job]:
    return (
        Job.objects.active()
        .select_related("team", "project", "created_by", "lease", "lease__worker")
        .defer("spec")
        .order_by("id")
    )


def _row(job: Job, roles: dict[int, Role], *, place: int = 0, full: Iterable[int] = ()) -> JobRow:
    role = roles.get(job.team_id)
    return JobRow(
        job=job,
        is_visible=role is not None,
        may_change=role is not None and role >= Role.MEMBER,
        place=place,
        team_is_full=job.team_id in set(full),
    )


def _worker_rows(workers: list[Worker], running: list[JobRow]) -> list[WorkerRow]:
    """Return the workers of a queue that are there, or whose silence concerns somebody."""
    of_worker: dict[int, list[JobRow]] = defaultdict(list)
    for row in running:
        lease = getattr(row.job, "lease", None)
        if lease is not None:
            of_worker[lease.worker_id].append(row)
    rows = [
        WorkerRow(
            worker=worker,
            state=worker_state(worker, num_running=len(of_worker[worker.pk])),
            jobs=of_worker[worker.pk],
        )
        for worker in workers
    ]
    return [row for row in rows if row.state.name != "stopped" or row.jobs]


def full_teams() -> set[int]:
    """Return the teams that run as many jobs as they may."""
    limits = dict(TeamLimit.objects.filter(max_running__isnull=False).values_list("team_id", "max_running"))
    held = Job.objects.filter(team_id__in=limits, state__in=HELD_STATES).values("team_id").annotate(number=Count("id"))
    running = {row["team_id"]: row["number"] for row in held}
    return {team for team, limit in limits.items() if running.get(team, 0) >= (limit or 0)}


def served_seconds() -> dict[int, float]:
    """Return what each team was served over the last day, in device-seconds."""
    with connection.cursor() as cursor:
        cursor.execute(SERVED_SQL, {"hours": SERVED_WINDOW_HOURS})
        return {team: float(seconds) for team, seconds in cursor.fetchall()}


def expected_order(jobs: list[Job], served: dict[int, float] | None = None) -> list[Job]:
    """Return waiting jobs in the order in which they are expected to start, as the claim would choose them."""
    used = dict(served_seconds() if served is None else served)
    lines: dict[tuple[int, int], list[Job]] = defaultdict(list)
    for job in sorted(jobs, key=lambda job: (job.position, job.pk), reverse=True):
        lines[-job.priority, job.team_id].append(job)
    order = []
    while lines:
        best = min(lines, key=lambda key: (key[0], used.get(key[1], 0.0), lines[key][-1].position))
        order.append(lines[best].pop())
        used[best[1]] = used.get(best[1], 0.0) + TYPICAL_JOB_SECONDS
        if not lines[best]:
            del lines[best]
    return order


@dataclass(frozen=True, kw_only=True, slots=True)
class TeamShare:
    """What a team has had lately, and what it may have."""

    team: Team
    may_change: bool
    served_seconds: float
    max_running: int | None
    max_queued: int | None


def team_shares(user: User) -> tuple[list[TeamShare], float]:
    """Return the user's teams with their share, and what all other teams had together."""
    served = served_seconds()
    shares = []
    rows = Membership.objects.filter(user=user).select_related("team", "team__limit").order_by("team__name")
    for membership in rows:
        limit = getattr(membership.team, "limit", None)
        shares.append(
            TeamShare(
                team=membership.team,
                may_change=membership.role >= Role.ADMIN,
                served_seconds=served.pop(membership.team_id, 0.0),
                max_running=limit.max_running if limit else None,
                max_queued=limit.max_queued if limit else None,
            )
        )
    return shares, sum(served.values())


def notable_events(job: Job, *, limit: int = 100) -> list[JobEvent]:
    """Return the latest events that tell a person something, the newest first."""
    return list(job.events.exclude(type__in=QUIET_EVENTS).order_by("-seq")[:limit])
