"""What a model makes of a text: a translation, a summary."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from webapp.serving.abilities import Ability, Reply
from webapp.serving.requests import PromptAsk


class Search(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the best text is looked for. The names are those of the inference process."""

    num_beams: Annotated[int, msgspec.Meta(ge=1, le=16)] = 4
    length_penalty: Annotated[float, msgspec.Meta(ge=0, le=10)] = 0.6
    temperature: Annotated[float, msgspec.Meta(ge=0, le=5)] = 0.0
    num_tokens: Annotated[int, msgspec.Meta(ge=0, le=4096)] = 0
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**53)] = 0


class TranslateAsk(PromptAsk, frozen=True, kw_only=True, forbid_unknown_fields=True):
    settings: Search = Search()


def fields(ask: TranslateAsk) -> dict[str, Any]:
    return {"text": ask.prompt, "settings": msgspec.to_builtins(ask.settings)}


def kept(ask: TranslateAsk, reply: Reply) -> dict[str, Any] | None:
    if not reply.result:
        return None
    return {
        "prompt": ask.prompt,
        "settings": msgspec.to_builtins(ask.settings),
        "output": reply.result["text"],
        "num_prompt_tokens_cut": reply.result["num_cut_tokens"],
        "ended_because": "answer",
    }


ABILITY = Ability(name="translate", ask=TranslateAsk, fields=fields, kept=kept, writes=True, input="text", order=10)
