"""Worker processes: their rows with heartbeat and hardware, and what each of them also does: sweep and reap.

A worker's row is kept by its name (`cpu@host`), so that a restart goes on with the same row. One process that takes
from several queues has a row for each.
"""

from __future__ import annotations

import logging
import os
import platform
import random
import threading
import time

from django.conf import settings
from django.db import connection

from webapp.jobs.clock import ClockTimestamp
from webapp.jobs.machine import hardware
from webapp.jobs.models import Lease, Queue, Worker
from webapp.jobs.reap import leases_left_behind, leases_reap, queues_sweep
from webapp.jobs.steady import LOST

log = logging.getLogger(__name__)
leaving = threading.Event()
"""Set when this worker process is told to shut down."""


def worker_register(*, node: str, queue: str, num_slots: int = 1) -> Worker:
    """Make or renew the row of this process for one queue."""
    device = os.environ.get("ISOCOST_DEVICE") or ("cuda:0" if queue == Queue.GPU else "cpu")
    worker, _ = Worker.objects.update_or_create(
        name=f"{node}/{queue}"[:200],
        defaults={
            "host": platform.node()[:120],
            "queue": queue,
            "device": device,
            "visible": os.environ.get("CUDA_VISIBLE_DEVICES", "")[:80],
            "hardware": hardware(),
            "num_slots": num_slots,
            "started_at": ClockTimestamp(),
            "seen_at": ClockTimestamp(),
            "stopped_at": None,
        },
    )
    return worker


class WorkerProcess:
    """This process: its rows, and the thread that keeps them fresh."""

    def __init__(self, *, node: str, queues: list[str], num_slots: int) -> None:
        self.node = node
        self.queues = [queue for queue in queues if queue in Queue.values]
        self.num_slots = num_slots
        self._ids: dict[str, int] = {}
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def worker_for(self, queue: str) -> Worker:
        """Return the row of this process for a queue, made if need be."""
        with self._lock:
            if queue not in self._ids:
                self._ids[queue] = worker_register(node=self.node, queue=queue, num_slots=self.num_slots).pk
        return Worker.objects.get(pk=self._ids[queue])

    def leave(self) -> None:
        """Say in the rows that this process has gone; a database that is away is not waited for."""
        try:
            Worker.objects.filter(pk__in=self._ids.values()).update(stopped_at=ClockTimestamp())
        except LOST as error:
            log.warning("the worker's end was not written down: %s", error)

    def _run(self) -> None:
        sweep_at = reap_at = time.monotonic()
        left_behind: list[Lease] | None = None
        look_again_at = 0.0
        while True:
            now = time.monotonic()
            try:
                self._beat()
                if left_behind is None:  # a process that had our name may have died with jobs in its hands
                    left_behind = list(Lease.objects.filter(worker_id__in=self._ids.values()))
                    look_again_at = now + 1.5 * settings.ISOCOST_RENEW_SECONDS + 1.0
                elif left_behind and now >= look_again_at:
                    leases_left_behind(left_behind)
                    left_behind = []
                if now >= sweep_at:
                    queues_sweep()
                    sweep_at = now + settings.ISOCOST_SWEEP_SECONDS * random.uniform(0.8, 1.2)  # nosec B311
                if now >= reap_at:
                    leases_reap()
                    reap_at = now + settings.ISOCOST_REAP_SECONDS * random.uniform(0.8, 1.2)  # nosec B311
            except LOST as error:
                log.warning("housekeeping waits, the database does not answer: %s", error)
                connection.close()
            except Exception:
                log.exception("housekeeping failed; it goes on")
            soonest = min(settings.ISOCOST_RENEW_SECONDS, settings.ISOCOST_SWEEP_SECONDS, settings.ISOCOST_REAP_SECONDS)
            time.sleep(soonest)

    def _beat(self) -> None:
        for queue in self.queues:
            self.worker_for(queue)
        Worker.objects.filter(pk__in=self._ids.values()).update(seen_at=ClockTimestamp(), stopped_at=None)


_process: WorkerProcess | None = None


def this_process() -> WorkerProcess:
    """Return this process as a worker; one that Celery did not start (a test, a shell) is made up on the spot."""
    global _process
    if _process is None:
        _process = WorkerProcess(node=f"{os.getpid()}@{platform.node()}", queues=[], num_slots=1)
    return _process


def process_begin(*, node: str, queues: list[str], num_slots: int) -> None:
    """Called when Celery's worker is ready."""
    global _process
    leaving.clear()
    _process = WorkerProcess(node=node, queues=queues, num_slots=num_slots)
    _process.start()
