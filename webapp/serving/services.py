"""What happens in the playground: every answer is kept with the hash of the checkpoint that gave it."""

from __future__ import annotations

from typing import Any

from webapp.projects.models import Project
from webapp.runs.models import Checkpoint
from webapp.serving.models import Generation, Preference
from webapp.teams.models import User


def model_label(checkpoint: Checkpoint) -> str:
    """Return how people name the checkpoint: its run and step."""
    return f"{checkpoint.run.name} · {checkpoint.step:,}"


def generation_create(
    *,
    checkpoint: Checkpoint,
    created_by: User,
    prompt: str,
    output: str,
    seconds: float,
    ended_because: str,
    settings: dict[str, Any] | None = None,
    num_tokens: int = 0,
    num_prompt_tokens_cut: int = 0,
) -> Generation:
    """Keep one answer."""
    return Generation.objects.create(
        project=checkpoint.run.project,
        checkpoint=checkpoint,
        checkpoint_sha256=checkpoint.sha256,
        model_label=model_label(checkpoint)[:200],
        settings=settings or {},
        prompt=prompt,
        num_prompt_tokens_cut=num_prompt_tokens_cut,
        output=output,
        num_tokens=num_tokens,
        seconds=seconds,
        ended_because=ended_because,
        created_by=created_by,
    )


def preference_create(
    *, project: Project, messages: list[dict[str, str]], chosen: str, rejected: str, chosen_by: Checkpoint,
    rejected_by: Checkpoint, created_by: User, is_blind: bool = False,
) -> Preference:  # fmt: skip
    """Keep which of two answers somebody liked better."""
    return Preference.objects.create(
        project=project, messages=messages, chosen=chosen, rejected=rejected,
        chosen_by_model=model_label(chosen_by)[:200], rejected_by_model=model_label(rejected_by)[:200],
        is_blind=is_blind, created_by=created_by,
    )  # fmt: skip
