"""What a model makes of a text: the best of its hypotheses, or one drawn at random."""

from __future__ import annotations

from typing import Any

import msgspec

from trainer.errors import InputError
from trainer.inference.loading import LoadedModel
from trainer.inference.operations.asking import ModelRequest, Operation

MAX_BEAMS = 16


class SearchSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the best text is looked for."""

    num_beams: int = 4
    num_tokens: int = 0
    """Most tokens; 0: as many as the model's context holds."""

    length_penalty: float = 0.6
    temperature: float = 0.0
    """Above 0: drawn at random, token by token, instead of searched."""

    seed: int = 0


class TranslateRequest(ModelRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    text: str = ""
    settings: SearchSettings = SearchSettings()


def answer(loaded: LoadedModel, request: TranslateRequest) -> dict[str, Any]:
    """Return `text`, and `alternatives` [{text, score, log_probability}], best first."""
    settings = request.settings
    if not request.text.strip():
        raise InputError("there is no text; write one")
    if not 1 <= settings.num_beams <= MAX_BEAMS:
        raise InputError(f"num_beams is {settings.num_beams}; it must be from 1 to {MAX_BEAMS}")
    if not 0 <= settings.temperature <= 100 or not 0 <= settings.length_penalty <= 10:
        raise InputError("temperature must be from 0 to 100 and length_penalty from 0 to 10")
    return loaded.task.translate(loaded.model, request.text, settings)  # type: ignore[attr-defined, no-any-return]


OPERATION = Operation(name="translate", request=TranslateRequest, answer=answer)
