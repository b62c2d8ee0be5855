"""Budgets are looked at every minute: limits, warnings, and holds of jobs that ended while they waited."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from webapp.celery import app

EVERY_SECONDS = 60.0


@shared_task(name="budgets.watch", ignore_result=True)  # type: ignore[untyped-decorator]
def watch() -> None:
    from webapp.budgets.services import releases_write
    from webapp.budgets.watch import alerts_tell, limits_keep

    limits_keep()
    releases_write()
    alerts_tell()


@app.on_after_finalize.connect  # type: ignore[untyped-decorator]
def beat_schedule(sender: Any, **_: Any) -> None:
    sender.add_periodic_task(EVERY_SECONDS, watch.s(), expires=EVERY_SECONDS, queue="light")
