"""Doors for Celery: what models are asked for apart from anybody's page."""

from __future__ import annotations

from celery import shared_task


@shared_task(name="serving.contest_answers", ignore_result=True, queue="light")  # type: ignore[untyped-decorator]
def contest_answers(contest: int) -> None:
    """Let both models of a contest answer its prompts."""
    from webapp.serving.contests import contest_answer
    from webapp.serving.models import Contest

    found = Contest.objects.select_related("first__run", "second__run").filter(pk=contest).first()
    if found is not None:
        contest_answer(contest=found)
