"""Doors for Celery: what models are asked for apart from anybody's page."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from webapp.celery import app

PURGE_EVERY_SECONDS = 3_600.0


@shared_task(name="serving.contest_answers", ignore_result=True, queue="light")  # type: ignore[untyped-decorator]
def contest_answers(contest: int) -> None:
    """Let both models of a contest answer its prompts."""
    from webapp.serving.contests import contest_answer
    from webapp.serving.models import Contest

    found = Contest.objects.select_related("first__run", "second__run").filter(pk=contest).first()
    if found is not None:
        contest_answer(contest=found)


@shared_task(name="serving.purge", ignore_result=True)  # type: ignore[untyped-decorator]
def purge() -> None:
    """Remove tables that nobody went on with."""
    from webapp.serving.given_tables import tables_purge

    tables_purge()


@app.on_after_finalize.connect  # type: ignore[untyped-decorator]
def beat_schedule(sender: Any, **_: Any) -> None:
    sender.add_periodic_task(PURGE_EVERY_SECONDS, purge.s(), expires=PURGE_EVERY_SECONDS, queue="light")
