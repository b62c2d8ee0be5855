"""A text as a family's model reads it, so that its answer can be explained token by token.

A family that can be explained has `trainer/models/<name>/inspect.py` with `reading(loaded, text)`; one that has a vector for
a text has `vectors(loaded, texts)` there.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from trainer.errors import InputError

MAX_TOKENS = 512


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """A text as a family's model reads it, and what the model can answer."""

    tokens: list[int]
    baseline: list[int]
    embedding: nn.Module
    logits: Callable[[Tensor, Tensor | None], Tensor]
    """(tokens (S, T), their vectors (S, T, D) or None) -> logits (S, C)."""

    name: Callable[[int], str]
    number: Callable[[str], int]
    """The answer of that name; raises `InputError` where there is none."""

    by_itself: bool = False
    """Each answer is true or not for itself (any number of labels), not one of all."""


def of_family(name: str, function: str) -> Callable[..., Any] | None:
    """Return that function of the family's `inspect` module; None where it has none."""
    module = f"trainer.models.{name}.inspect"
    if importlib.util.find_spec(module) is None:
        return None
    return getattr(importlib.import_module(module), function, None)


def token_embedding(model: nn.Module) -> nn.Embedding:
    embedding = model.token_embedding
    assert isinstance(embedding, nn.Embedding)
    return embedding


def with_vectors(embedding: nn.Module, points: Tensor | None, call: Callable[[], Tensor]) -> Tensor:
    """Call the model with these vectors in the place of its embedded tokens."""
    if points is None:
        return call()
    handle = embedding.register_forward_hook(lambda module, inputs, output: points)
    try:
        return call()
    finally:
        handle.remove()


def label_number(names: list[str], target: str) -> int:
    if target not in names:
        raise InputError(f"{target!r} is no label of this model; its labels are {', '.join(names[:20])}")
    return names.index(target)
