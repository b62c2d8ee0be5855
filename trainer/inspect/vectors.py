"""A vector for a text by any text model that has one; `trainer/models/<name>/inspect.py` says how."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from trainer.inference.loading import LoadedModel
from trainer.inspect.reading import of_family


@torch.inference_mode()
def embed(loaded: LoadedModel, texts: Sequence[str]) -> Tensor | None:
    """Return a vector a text (N, D); None where the family has none to give."""
    vectors = of_family(loaded.task.spec.family, "vectors")
    if vectors is None:
        return None
    found: Tensor = vectors(loaded, texts)
    return found


def tokens_of(loaded: LoadedModel, text: str, limit: int) -> list[int]:
    tokenizer = loaded.task.assets.tokenizer
    return (tokenizer.encode(text) or [tokenizer.end_of_text_id])[:limit]
