"""A user's profile, as the model sees it; and what if the history were another."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from webapp.serving.abilities import Ability
from webapp.serving.requests import Ask

Name = Annotated[str, msgspec.Meta(max_length=1_000)]


class ProfileAsk(Ask, frozen=True, kw_only=True, forbid_unknown_fields=True):
    user: Name = ""
    history: Annotated[list[Name], msgspec.Meta(max_length=2_000)] | None = None
    top: Annotated[int, msgspec.Meta(ge=1, le=100)] = 10


def fields(ask: ProfileAsk) -> dict[str, Any]:
    return {"user": ask.user, "history": ask.history, "top": ask.top}


ABILITY = Ability(name="recommend", ask=ProfileAsk, fields=fields, order=15)
