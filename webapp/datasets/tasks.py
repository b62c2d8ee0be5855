"""Doors for Celery: what is done to data by the clock."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from webapp.celery import app

PURGE_EVERY_SECONDS = 600.0


@shared_task(name="datasets.purge", ignore_result=True)  # type: ignore[untyped-decorator]
def purge() -> None:
    """Give up stale uploads and delete files removed long ago."""
    from webapp.datasets.services.files import files_purge
    from webapp.datasets.services.uploads import uploads_purge

    uploads_purge()
    files_purge()


@app.on_after_finalize.connect  # type: ignore[untyped-decorator]
def beat_schedule(sender: Any, **_: Any) -> None:
    sender.add_periodic_task(PURGE_EVERY_SECONDS, purge.s(), expires=PURGE_EVERY_SECONDS, queue="light")
