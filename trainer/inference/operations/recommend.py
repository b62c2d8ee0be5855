"""A user's profile: history, what to recommend and why, the nearest users, and a map of the items around."""

from __future__ import annotations

from typing import Any

from trainer.inference.loading import LoadedModel
from trainer.inference.operations.asking import ModelRequest, Operation


class ProfileRequest(ModelRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    user: str = ""
    """Name as in the data; empty: the first one, or nobody where a history is given."""

    history: list[str] | None = None
    """Names of items, oldest first, as if that were what the user took; None: what the data says."""

    top: int = 10


def answer(loaded: LoadedModel, request: ProfileRequest) -> dict[str, Any]:
    from trainer.recommend.profile import profile  # of no use where nothing recommends

    return profile(loaded, user=request.user, history=request.history, top=request.top)


OPERATION = Operation(name="recommend", request=ProfileRequest, answer=answer)
