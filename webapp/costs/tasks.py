"""What beat writes into the ledger: storage, serving and commitments, a day at a time. Doing it twice adds nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from celery import shared_task
from django.utils import timezone

from webapp.celery import app

EVERY_SECONDS = 3600.0
"""Hourly, so that a machine which sleeps at night misses no day; what stands there is not written again."""
UPLOAD_KEPT_HOURS = 24


@shared_task(name="costs.charge", ignore_result=True)  # type: ignore[untyped-decorator]
def charge() -> None:
    """Write the days that are due, and forget files that nobody took."""
    from webapp.costs.commitments import commitments_charge
    from webapp.costs.models import InvoiceUpload
    from webapp.costs.serving import serving_charge
    from webapp.costs.storage import storage_charge

    storage_charge()
    serving_charge()
    commitments_charge()
    InvoiceUpload.objects.filter(created_at__lt=timezone.now() - timedelta(hours=UPLOAD_KEPT_HOURS)).delete()


@app.on_after_finalize.connect  # type: ignore[untyped-decorator]
def beat_schedule(sender: Any, **_: Any) -> None:
    sender.add_periodic_task(EVERY_SECONDS, charge.s(), expires=EVERY_SECONDS, queue="light")
