"""What a worker does when its queue is woken: claim, supervise, again, until nothing is left."""

from __future__ import annotations

from django.db import connection

from webapp.jobs.claim import job_claim
from webapp.jobs.models import Job, State
from webapp.jobs.steady import LOST, steadily
from webapp.jobs.supervisor import Supervisor
from webapp.jobs.wake import queue_wake, queue_woken
from webapp.jobs.workers import leaving, this_process


def queue_work(queue: str) -> int:
    """Do the jobs of a queue until none is left or the worker is told to leave; return how many were done."""
    queue_woken(queue)
    num_done = 0
    try:
        while not leaving.is_set():
            claim = steadily(lambda: job_claim(worker=this_process().worker_for(queue)), give_up=leaving.is_set)
            if claim is None:
                break
            _wake_others(queue)
            Supervisor(claim, leaving=leaving).run()
            num_done += 1
    except LOST:
        pass  # leaving, and the database is away: what was claimed is the reaper's
    finally:
        connection.close()
    return num_done


def _wake_others(queue: str) -> None:
    """Wake the next worker if jobs are left; the sweeper will if this cannot."""
    try:
        left = Job.objects.filter(queue=queue, state=State.QUEUED).exists()
    except LOST:
        return
    if left:
        queue_wake(queue)
