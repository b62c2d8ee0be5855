"""The likeliest next tokens behind each token of a text."""

from __future__ import annotations

from typing import Any

import msgspec

from trainer.errors import InputError
from trainer.inference.engine import inspect
from trainer.inference.loading import LoadedModel
from trainer.inference.operations.asking import ModelRequest, Operation, prompt_answer, read

MAX_TOP = 200


class InspectRequest(ModelRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    text: str = ""
    top: int = 20


def answer(loaded: LoadedModel, request: InspectRequest) -> dict[str, Any]:
    """Return `positions` [{token, text, probability, rank, candidates [{token, text, probability}]}]."""
    if not 1 <= request.top <= MAX_TOP:
        raise InputError(f"top is {request.top}; it must be from 1 to {MAX_TOP}")
    prompt, tokenizer = read(loaded, request.text), loaded.task.assets.tokenizer
    positions = inspect(loaded.language_model, prompt.tokens, tokenizer, device=loaded.device, top=request.top)
    return {**prompt_answer(prompt), "positions": msgspec.to_builtins(positions)}


OPERATION = Operation(name="inspect", request=InspectRequest, answer=answer)
