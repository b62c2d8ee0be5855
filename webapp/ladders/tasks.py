"""Doors for Celery: ladders go on by the clock too, should a job's end not have told them."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from webapp.celery import app

SWEEP_EVERY_SECONDS = 20.0


@shared_task(name="ladders.sweep", ignore_result=True)  # type: ignore[untyped-decorator]
def sweep() -> None:
    from webapp.ladders.queueing import ladders_sweep

    ladders_sweep()


@app.on_after_finalize.connect  # type: ignore[untyped-decorator]
def beat_schedule(sender: Any, **_: Any) -> None:
    sender.add_periodic_task(SWEEP_EVERY_SECONDS, sweep.s(), expires=SWEEP_EVERY_SECONDS, queue="light")
