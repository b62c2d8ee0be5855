"""Continue a text."""

from __future__ import annotations

from typing import Any

import msgspec

from webapp.serving.abilities import Ability, Reply
from webapp.serving.requests import Prompt, WriteAsk


class GenerateAsk(WriteAsk, frozen=True, kw_only=True, forbid_unknown_fields=True):
    prompt: Prompt = ""


def fields(ask: GenerateAsk) -> dict[str, Any]:
    return {"prompt": ask.prompt, "settings": msgspec.to_builtins(ask.settings)}


def kept(ask: GenerateAsk, reply: Reply) -> dict[str, Any] | None:
    """Keep what was written, even of an answer that broke off; nothing of one that never began."""
    if not reply.text and reply.ended in ("error", "cancelled"):
        return None
    return {
        "prompt": ask.prompt,
        "settings": msgspec.to_builtins(ask.settings),
        "output": reply.text,
        "num_tokens": reply.num_tokens,
        "num_prompt_tokens_cut": reply.num_cut_tokens,
        "ended_because": reply.ended,
    }


ABILITY = Ability(
    name="generate", ask=GenerateAsk, fields=fields, kept=kept, writes=True, input="text", samples=True, order=20
)
