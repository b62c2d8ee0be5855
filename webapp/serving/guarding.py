"""A model asked through its guards: what it is sent and what it answers are checked, and each decision is kept.

The one way in which anything of the web app asks a model for text, so that no door lies beside the guards.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

from channels.db import database_sync_to_async
from django.db.models import Q

from trainer.guards import Decision, GuardRule, checked, look_at
from webapp.runs.models import Checkpoint
from webapp.serving import client
from webapp.serving.abilities import Ability
from webapp.serving.models import Guard, GuardDecision
from webapp.serving.services import model_label
from webapp.teams.models import User


async def guarded_stream(
    *, ability: Ability, ask: Any, checkpoint: Checkpoint, asked_by: User | None, beside: dict[str, str] | None = None
) -> AsyncIterator[dict[str, Any]]:
    """Yield the messages of an answer as `client.stream` does, after the guards of the model.

    `beside` says who else takes part: `draft`, the folder of a checkpoint that guesses ahead; `engine`, a file to write with.
    """
    guards = await guards_of(checkpoint) if ability.writes or ability.reads else []
    rules = [guard.rule for guard in guards]
    read = ask.prompt if rules else ""
    if rules:
        verdict = checked(ask.prompt, rules, direction="input")
        await keep(verdict.decisions, guards, checkpoint, asked_by)
        if verdict.is_refused:
            for message in refusal(verdict.text, writes=ability.writes):
                yield message
            return
        ask, read = ask.passed(verdict.text, rules), verdict.text
    fields: dict[str, Any] = {
        "checkpoint": str(checkpoint.path),
        "sha256": checkpoint.sha256,
        **ability.fields(ask),
        **(beside or {}),
    }
    answers = client.stream(ability.name, **fields)
    try:
        if ability.writes and look_at(rules, "output"):
            async for message in held_back(answers, guards, checkpoint, asked_by):
                yield message
            return
        async for message in answers:
            yield with_read(message, read) if ability.reads and read else message
    finally:
        await answers.aclose()  # type: ignore[attr-defined]


def with_read(message: dict[str, Any], read: str) -> dict[str, Any]:
    """Return a message that says which text the model was given: what it tells of places means those of that text."""
    return {**message, "result": {**message["result"], "read": read}} if message["event"] == "done" else message


async def held_back(
    answers: AsyncIterator[dict[str, Any]], guards: list[Guard], checkpoint: Checkpoint, asked_by: User | None
) -> AsyncIterator[dict[str, Any]]:
    """Yield an answer in one piece once the whole of it was checked: what is shown cannot be taken back."""
    text = ""
    async for message in answers:
        if message["event"] == "token":
            text += message["text"]
        elif message["event"] == "done":
            result = dict(message["result"])
            whole = result.get("text", text)
            verdict = checked(whole, [guard.rule for guard in guards], direction="output")
            await keep(verdict.decisions, guards, checkpoint, asked_by)
            if verdict.decisions:
                result["end"] = "refused" if verdict.is_refused else "masked"
            if "text" in result:  # an answer that came at once
                result |= {"text": verdict.text, "alternatives": [{"text": verdict.text, "score": 0.0}]}
            else:
                yield {"event": "token", "text": verdict.text}
            yield {**message, "result": result}
        else:
            yield message


def refusal(text: str, *, writes: bool = True) -> list[dict[str, Any]]:
    """Return the messages of an answer that no model gave."""
    if not writes:
        return [{"event": "error", "code": "refused", "sentence": text}]
    result = {
        "num_tokens": 0,
        "end": "refused",
        "text": text,
        "alternatives": [{"text": text, "score": 0.0}],
        "num_cut_tokens": 0,
    }
    return [
        {"event": "start", "prompt": "", "num_prompt_tokens": 0, "num_cut_tokens": 0},
        {"event": "token", "text": text},
        {"event": "done", "result": result},
    ]


@database_sync_to_async
def guards_of(checkpoint: Checkpoint) -> list[Guard]:
    return guards_for(checkpoint)


def guards_for(checkpoint: Checkpoint) -> list[Guard]:
    """Return the guards of a model: those of its project, and those of the versions that it is kept as."""
    mine = Q(version=None) | Q(version__checkpoint=checkpoint)
    return list(Guard.objects.filter(mine, project_id=checkpoint.run.project_id, is_on=True))


@database_sync_to_async
def keep(decisions: Iterable[Decision], guards: list[Guard], checkpoint: Checkpoint, asked_by: User | None) -> None:
    decisions_keep(decisions, guards=guards, checkpoint=checkpoint, asked_by=asked_by)


def decisions_keep(
    decisions: Iterable[Decision], *, guards: Iterable[Guard], checkpoint: Checkpoint, asked_by: User | None
) -> None:
    """Log every decision with its reason."""
    by_name = {guard.name: guard for guard in guards}
    GuardDecision.objects.bulk_create(
        GuardDecision(
            project_id=checkpoint.run.project_id, guard=by_name.get(each.guard), guard_name=each.guard[:80],
            model_label=model_label(checkpoint)[:200], direction=each.direction, action=each.action,
            reason=each.reason[:300], excerpt=each.excerpt, created_by=asked_by,
        )
        for each in decisions
    )  # fmt: skip


def rules_for(checkpoint: Checkpoint) -> list[GuardRule]:
    """Return the checks of a model, to be handed to a job."""
    return [guard.rule for guard in guards_for(checkpoint)]
