"""Which words spoke for an answer."""

from __future__ import annotations

from typing import Any

from trainer.inference.loading import LoadedModel
from trainer.inference.operations.asking import ModelRequest, Operation
from trainer.inspect.attribution import explain_text


class ExplainRequest(ModelRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    text: str = ""
    answer: str = ""
    """A label, or the next token; empty: the likeliest."""


def answer(loaded: LoadedModel, request: ExplainRequest) -> dict[str, Any]:
    """Return `tokens` [{text, score}], target, probability, baseline_probability, change, gap, num_steps."""
    return explain_text(loaded, request.text, target=request.answer)


OPERATION = Operation(name="explain", request=ExplainRequest, answer=answer)
