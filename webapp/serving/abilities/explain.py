"""Which words spoke for an answer."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from webapp.serving.abilities import Ability
from webapp.serving.requests import PromptAsk


class ExplainAsk(PromptAsk, frozen=True, kw_only=True, forbid_unknown_fields=True):
    answer: Annotated[str, msgspec.Meta(max_length=200)] = ""
    """The label, or the next token; empty: the likeliest."""


def fields(ask: ExplainAsk) -> dict[str, Any]:
    return {"text": ask.prompt, "answer": ask.answer}


ABILITY = Ability(name="explain", ask=ExplainAsk, fields=fields, input="text", reads=True, order=50)
