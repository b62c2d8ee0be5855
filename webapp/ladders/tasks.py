"""Doors for Celery: the law of a ladder is fitted anew elsewhere."""

from __future__ import annotations

from celery import shared_task


@shared_task(name="ladders.refit", ignore_result=True)  # type: ignore[untyped-decorator]
def refit(ladder_id: int) -> None:
    from webapp.ladders.fits import fit_refresh
    from webapp.ladders.models import Ladder

    ladder = Ladder.objects.filter(pk=ladder_id).first()
    if ladder is not None:
        fit_refresh(ladder)
