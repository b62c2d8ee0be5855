"""A vector for a text by any text model: the mean of what goes into its last layer, over the text's tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from trainer.inference.loading import LoadedModel


@torch.inference_mode()
def embed(loaded: LoadedModel, texts: Sequence[str]) -> Tensor | None:
    """Return a vector a text (N, D); None where the family has none to give."""
    family = loaded.task.spec.family
    if family == "bert":
        from trainer.models.bert.task import BertTask, no_grad_vectors

        assert isinstance(loaded.task, BertTask)
        return no_grad_vectors(loaded.task, loaded.model, texts)
    if family == "gpt":
        return _of_gpt(loaded, texts)
    if family == "bow":
        return _of_bag(loaded, texts)
    return None


def _of_gpt(loaded: LoadedModel, texts: Sequence[str]) -> Tensor:
    """Mean of the last hidden states. Padding stands at the end, where a causal model does not see it from before."""
    model: Any = loaded.model
    tokens = [_tokens(loaded, text, model.context_length) for text in texts]
    longest = max(len(each) for each in tokens)
    padded = torch.tensor([each + [0] * (longest - len(each)) for each in tokens], device=loaded.device)  # (N, T)
    mask = torch.tensor([[1.0] * len(each) + [0.0] * (longest - len(each)) for each in tokens], device=loaded.device)
    hidden = model.hidden(padded).float()  # (N, T, D)
    found: Tensor = (hidden * mask[:, :, None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)  # (N, D)
    return found


def _of_bag(loaded: LoadedModel, texts: Sequence[str]) -> Tensor:
    model: Any = loaded.model
    tokens = [_tokens(loaded, text, loaded.task.spec.batch.sequence_length) for text in texts]
    starts = torch.tensor([0, *(len(each) for each in tokens)][:-1], device=loaded.device).cumsum(0)
    flat = torch.tensor([token for each in tokens for token in each], device=loaded.device)
    found: Tensor = model.embedding(flat, starts)
    return found


def _tokens(loaded: LoadedModel, text: str, limit: int) -> list[int]:
    tokenizer = loaded.task.assets.tokenizer
    return (tokenizer.encode(text) or [tokenizer.end_of_text_id])[:limit]
