"""The labels of a text, and the parts of it that the model marks."""

from __future__ import annotations

from typing import Any

from webapp.serving.abilities import Ability, Reply
from webapp.serving.requests import PromptAsk

NUM_LABELS_KEPT = 5


def kept(ask: PromptAsk, reply: Reply) -> dict[str, Any] | None:
    """Keep the likeliest labels, and the parts that the model marked."""
    if not reply.result:
        return None
    lines = [f"{found['label']} {found['probability']:.1%}" for found in reply.result["labels"][:NUM_LABELS_KEPT]]
    lines += [f"{ask.prompt[span['start'] : span['end']]}: {span['label']}" for span in reply.result.get("spans") or ()]
    return {"prompt": ask.prompt, "output": "\n".join(lines), "ended_because": "label"}


ABILITY = Ability(
    name="predict",
    ask=PromptAsk,
    fields=lambda ask: {"text": ask.prompt},
    kept=kept,
    input="text",
    reads=True,
    order=10,
)
