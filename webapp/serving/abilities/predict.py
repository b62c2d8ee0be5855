"""The labels of a text, and the parts of it that the model marks."""

from __future__ import annotations

from typing import Any

from webapp.serving.abilities import Ability, Reply
from webapp.serving.requests import PromptAsk

NUM_LABELS_KEPT = 5


def kept(ask: PromptAsk, reply: Reply) -> dict[str, Any] | None:
    """Keep the likeliest labels, the parts that the model marked, and the lines most like the first."""
    if not reply.result:
        return None
    lines = [f"{found['label']} {found['probability']:.1%}" for found in reply.result["labels"][:NUM_LABELS_KEPT]]
    lines += [f"{ask.prompt[span['start'] : span['end']]}: {span['label']}" for span in reply.result.get("spans") or ()]
    similar = reply.result.get("similar") or []
    lines += [f"{found['text']} {found['cosine']:.3f}" for found in similar[:NUM_LABELS_KEPT]]
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
