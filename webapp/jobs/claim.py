"""Claiming: a worker takes the best job of its queue, and gets a lease and a fence for it.

Best is: the highest priority, then the team that was served least over the last day, then the place in the queue. A
team at its limit is passed over; the limit's row is locked while its jobs are counted, so two claims cannot both
see the last free place. A job that wants several devices takes them all here, or is waited for (see devices.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Coalesce

from webapp.jobs.clock import ClockTimestamp, clock_plus
from webapp.jobs.devices import HostDevices, lock_devices
from webapp.jobs.kinds import kind_of, kinds
from webapp.jobs.models import HELD_STATES, Attempt, Job, Lease, QueueControl, State, TeamLimit, Worker
from webapp.jobs.moves import job_move
from webapp.jobs.steady import guarded

SERVED_WINDOW_HOURS = 24
"""Fair sharing looks back so far."""

SERVED_SQL = """
    SELECT job.team_id, sum(attempt.num_devices * extract(epoch FROM
               coalesce(attempt.ended_at, clock_timestamp())
               - greatest(attempt.started_at, clock_timestamp() - %(hours)s * interval '1 hour'))) AS seconds
      FROM jobs_attempt attempt JOIN jobs_job job ON job.id = attempt.job_id
     WHERE attempt.ended_at IS NULL OR attempt.ended_at > clock_timestamp() - %(hours)s * interval '1 hour'
     GROUP BY job.team_id
"""

BEST_SQL = f"""
    SELECT job.id, job.team_id, job.num_devices
      FROM jobs_job job LEFT JOIN ({SERVED_SQL}) served ON served.team_id = job.team_id
     WHERE job.state = 'queued' AND job.queue = %(queue)s AND job.kind = ANY(%(kinds)s)
       AND job.team_id <> ALL(%(full_teams)s) AND least(job.num_devices, %(num_most)s) <= %(num_here)s
     ORDER BY job.priority DESC, coalesce(served.seconds, 0), job.position, job.id
     LIMIT 1 FOR UPDATE OF job SKIP LOCKED
"""  # nosec B608: no text of a user is put in


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """The right to work on a job until the lease lapses. Every later write carries the fence."""

    job_id: int
    fence: int
    worker_id: int
    num_devices: int = 0
    """Taken for a job that asked for several; 0: it asked for one."""

    visible: tuple[str, ...] = ()
    """Those devices as the host names them."""


def job_claim(*, worker: Worker) -> Claim | None:
    """Claim the best job of the worker's queue; None if there is nothing that it may take."""
    full_teams: list[int] = []
    while True:
        found = _claim_once(worker, full_teams)
        if not isinstance(found, int):
            return found
        full_teams.append(found)


@transaction.atomic
def _claim_once(worker: Worker, full_teams: list[int]) -> Claim | int | None:
    """Return the claim, or the id of a team found at its limit, or None."""
    if QueueControl.objects.filter(queue=worker.queue, is_paused=True).exists():
        return None
    devices = lock_devices(worker)
    best = None if devices.is_lent else _best_job(worker.queue, full_teams, devices)
    if best is None:
        return None
    job_id, team_id, num_devices = best
    if _team_is_full(team_id):
        return team_id
    lenders = devices.lenders(num_devices)
    return None if lenders is None else _take(job_id, worker, num_devices, lenders)


def _best_job(queue: str, full_teams: list[int], devices: HostDevices) -> tuple[int, int, int] | None:
    """Return (job, team, devices wanted), its row locked; None if there is nothing that the worker may take."""
    values: dict[str, Any] = {
        "queue": queue, "kinds": list(kinds()), "full_teams": full_teams, "hours": SERVED_WINDOW_HOURS,
        "num_here": devices.num_here, "num_most": devices.num_most,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(BEST_SQL, values)
        row = cursor.fetchone()
    return None if row is None else (row[0], row[1], row[2])


def _team_is_full(team_id: int) -> bool:
    limit = TeamLimit.objects.select_for_update().filter(team_id=team_id, max_running__isnull=False).first()
    if limit is None or limit.max_running is None:
        return False
    return Job.objects.filter(team_id=team_id, state__in=HELD_STATES).count() >= limit.max_running


def _take(job_id: int, worker: Worker, num_devices: int, lenders: Sequence[Worker]) -> Claim:
    """Make the attempt and its lease. The job's row is locked, so nobody can be faster."""
    team = (worker, *lenders)
    moved = job_move(
        job_id,
        old=[State.QUEUED],
        new=State.RUNNING,
        say="claimed",
        payload={"worker": worker.name, "host": worker.host, "device": worker.device, "num_devices": len(team)},
        next_fence=True,
        started_at=Coalesce(F("started_at"), ClockTimestamp()),
        reason_code="",
        reason="",
    )
    assert moved, "the row was locked in the state queued"
    job = Job.objects.get(pk=job_id)
    attempt = Attempt.objects.create(
        job=job,
        fence=job.fence,
        worker=worker,
        device=worker.device,
        num_devices=len(team),
        started_at=ClockTimestamp(),
    )
    Lease.objects.update_or_create(
        job=job,
        defaults={
            "fence": job.fence,
            "worker": worker,
            "lent_by": [each.pk for each in lenders],
            "until": clock_plus(settings.ISOCOST_LEASE_SECONDS),
            "renewed_at": ClockTimestamp(),
            "progressed_at": None,
        },
    )
    attempt.refresh_from_db()
    guarded(kind_of(job.kind).on_start, job, attempt)
    return Claim(
        job_id=job_id, fence=job.fence, worker_id=worker.pk, num_devices=len(team) if num_devices > 1 else 0,
        visible=tuple(each.visible for each in team if each.visible),
    )  # fmt: skip
