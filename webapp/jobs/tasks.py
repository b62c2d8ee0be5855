"""Doors for Celery. A message says that a queue has work; which job, and whether there is any, the database says."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from celery.signals import worker_ready, worker_shutdown, worker_shutting_down
from django.conf import settings

from webapp.celery import app

GO_ON_SECONDS = 5.0
"""The runs of a sweep are compared so often while they are at work."""


@shared_task(name="jobs.work", ignore_result=True)  # type: ignore[untyped-decorator]
def work(queue: str) -> int:
    """Do the jobs of a queue until none is left; return how many."""
    from webapp.jobs.work import queue_work

    return queue_work(queue)


@shared_task(name="jobs.sweep", ignore_result=True)  # type: ignore[untyped-decorator]
def sweep() -> None:
    from webapp.jobs.reap import queues_sweep

    queues_sweep()


@shared_task(name="jobs.reap", ignore_result=True)  # type: ignore[untyped-decorator]
def reap() -> None:
    from webapp.jobs.reap import leases_reap

    leases_reap()


@shared_task(name="jobs.go_on", ignore_result=True)  # type: ignore[untyped-decorator]
def go_on() -> None:
    from webapp.jobs.going_on import all_go_on

    all_go_on()


@app.on_after_finalize.connect  # type: ignore[untyped-decorator]
def beat_schedule(sender: Any, **_: Any) -> None:
    """Let beat sweep, reap and go on too; a task that waited a whole turn is not worth doing."""
    every = ((sweep, settings.ISOCOST_SWEEP_SECONDS), (reap, settings.ISOCOST_REAP_SECONDS), (go_on, GO_ON_SECONDS))
    for task, seconds in every:
        sender.add_periodic_task(seconds, task.s(), expires=seconds, queue="light")


@worker_ready.connect  # type: ignore[untyped-decorator]
def on_worker_ready(sender: Any, **_: Any) -> None:
    from webapp.jobs.beat import beat_start
    from webapp.jobs.models import Queue
    from webapp.jobs.workers import process_begin

    queues = [queue.name for queue in sender.task_consumer.queues] if sender.task_consumer else []
    process_begin(node=sender.hostname, queues=queues, num_slots=sender.pool.num_processes or 1)
    if Queue.LIGHT in queues:
        beat_start()


@worker_shutting_down.connect  # type: ignore[untyped-decorator]
def on_worker_shutting_down(**_: Any) -> None:
    """Called from the signal handler: running jobs save, end and free their leases."""
    from webapp.jobs.workers import leaving

    leaving.set()


@worker_shutdown.connect  # type: ignore[untyped-decorator]
def on_worker_shutdown(**_: Any) -> None:
    from webapp.jobs.workers import this_process

    this_process().leave()
