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


@shared_task(name="ladders.refit", ignore_result=True)  # type: ignore[untyped-decorator]
def refit(ladder_id: int) -> None:
    from webapp.ladders.fits import fit_refresh
    from webapp.ladders.models import Ladder

    ladder = Ladder.objects.filter(pk=ladder_id).first()
    if ladder is not None:
        fit_refresh(ladder)


@app.on_after_finalize.connect  # type: ignore[untyped-decorator]
def beat_schedule(sender: Any, **_: Any) -> None:
    sender.add_periodic_task(SWEEP_EVERY_SECONDS, sweep.s(), expires=SWEEP_EVERY_SECONDS, queue="light")
