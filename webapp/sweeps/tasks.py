"""Doors for Celery: sweeps go on by the clock too, and their runs are compared while they are at work."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from webapp.celery import app

CONTINUE_EVERY_SECONDS = 5.0


@shared_task(name="sweeps.continue", ignore_result=True)  # type: ignore[untyped-decorator]
def continue_all() -> None:
    from webapp.sweeps.queueing import sweeps_continue

    sweeps_continue()


@app.on_after_finalize.connect  # type: ignore[untyped-decorator]
def beat_schedule(sender: Any, **_: Any) -> None:
    sender.add_periodic_task(CONTINUE_EVERY_SECONDS, continue_all.s(), expires=CONTINUE_EVERY_SECONDS, queue="light")
