"""What a head looks at."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from webapp.serving.abilities import Ability
from webapp.serving.requests import PromptAsk


class AttentionAsk(PromptAsk, frozen=True, kw_only=True, forbid_unknown_fields=True):
    layer: Annotated[int, msgspec.Meta(ge=0)] = 0
    head: Annotated[int, msgspec.Meta(ge=0)] = 0


def fields(ask: AttentionAsk) -> dict[str, Any]:
    return {"text": ask.prompt, "layer": ask.layer, "head": ask.head}


ABILITY = Ability(name="attention", ask=AttentionAsk, fields=fields, input="text", order=40)
