"""What all operations have in common: the form of a request, of an operation, and how a text is read."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import msgspec

from trainer.errors import InputError
from trainer.inference.loading import LoadedModel
from trainer.inference.prompt import Prompt, read_prompt

Event = tuple[str, dict[str, Any]]
"""Name of an event and its fields."""

Steps = Generator[Event, bool | None, dict[str, Any]]
"""An answer that comes in parts: yields events, is sent True once it is cancelled, and returns the result."""


class ModelRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line from a client that asks a model. Each operation adds its own fields."""

    id: str
    op: str
    checkpoint: str = ""
    sha256: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """One thing that a model can be asked for. It has either `answer` or `stream`."""

    name: str
    """As in requests; the same as the ability that the model's family must have."""

    request: type[ModelRequest]

    answer: Callable[[LoadedModel, Any], dict[str, Any]] | None = None
    """Returns the result at once."""

    stream: Callable[[LoadedModel, Any], Steps] | None = None
    """Yields parts of the answer; between two of them other requests have their turn."""

    def __post_init__(self) -> None:
        assert (self.answer is None) != (self.stream is None), f"{self.name} must either answer or stream"


def read(loaded: LoadedModel, text: str, *, num_new_tokens: int = 0) -> Prompt:
    """Return the prompt as this model reads it."""
    length = loaded.task.spec.model.context_length
    return read_prompt(text, loaded.task.assets.tokenizer, context_length=length, num_new_tokens=num_new_tokens)


def prompt_answer(prompt: Prompt) -> dict[str, Any]:
    return {"prompt": prompt.shown, "num_prompt_tokens": len(prompt.tokens), "num_cut_tokens": prompt.num_cut}


def require_number(name: str, value: int, count: int) -> None:
    if not 0 <= value < count:
        raise InputError(f"{name} is {value}; this model has {count}, numbered from 0")
