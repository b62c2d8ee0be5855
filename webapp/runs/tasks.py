"""Doors for Celery: what is done to runs by the clock."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from webapp.celery import app

PURGE_EVERY_SECONDS = 1_800.0


@shared_task(name="runs.purge", ignore_result=True)  # type: ignore[untyped-decorator]
def purge() -> None:
    """Delete runs for good that were deleted long ago, and what killed processes left."""
    from webapp.runs.purge import leftovers_sweep, runs_purge

    runs_purge()
    leftovers_sweep()


@app.on_after_finalize.connect  # type: ignore[untyped-decorator]
def beat_schedule(sender: Any, **_: Any) -> None:
    sender.add_periodic_task(PURGE_EVERY_SECONDS, purge.s(), expires=PURGE_EVERY_SECONDS, queue="light")
