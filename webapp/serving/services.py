"""What happens in the playground: every answer is kept with the hash of the checkpoint that gave it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from webapp.runs.models import Checkpoint
from webapp.serving.models import Generation
from webapp.teams.models import User

NUM_LABELS_KEPT = 5


def model_label(checkpoint: Checkpoint) -> str:
    """Return how people name the checkpoint: its run and step."""
    return f"{checkpoint.run.name} · {checkpoint.step:,}"


def prediction(prompt: str, result: Mapping[str, Any], *, seconds: float) -> dict[str, Any]:
    """Return what is kept of what a model tells of a text: its likeliest labels, and the parts that it marked."""
    lines = [f"{found['label']} {found['probability']:.1%}" for found in result["labels"][:NUM_LABELS_KEPT]]
    lines += [f"{prompt[span['start'] : span['end']]}: {span['label']}" for span in result.get("spans") or ()]
    return {
        "prompt": prompt, "settings": {}, "output": "\n".join(lines), "num_tokens": 0, "num_prompt_tokens_cut": 0,
        "seconds": seconds, "ended_because": "label",
    }  # fmt: skip


def generation_create(
    *,
    checkpoint: Checkpoint,
    created_by: User,
    prompt: str,
    settings: dict[str, Any],
    output: str,
    num_tokens: int,
    num_prompt_tokens_cut: int,
    seconds: float,
    ended_because: str,
) -> Generation:
    """Keep one answer."""
    return Generation.objects.create(
        project=checkpoint.run.project,
        checkpoint=checkpoint,
        checkpoint_sha256=checkpoint.sha256,
        model_label=model_label(checkpoint)[:200],
        settings=settings,
        prompt=prompt,
        num_prompt_tokens_cut=num_prompt_tokens_cut,
        output=output,
        num_tokens=num_tokens,
        seconds=seconds,
        ended_because=ended_because,
        created_by=created_by,
    )
