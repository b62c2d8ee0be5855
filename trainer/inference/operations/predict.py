"""The labels of a text, and whatever else the family tells of it."""

from __future__ import annotations

from typing import Any

from trainer.inference.loading import LoadedModel
from trainer.inference.operations.asking import ModelRequest, Operation


class PredictRequest(ModelRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    text: str = ""


def answer(loaded: LoadedModel, request: PredictRequest) -> dict[str, Any]:
    """Return `labels` [{label, probability}], likeliest first."""
    return loaded.task.answer(loaded.model, request.text)


OPERATION = Operation(name="predict", request=PredictRequest, answer=answer)
