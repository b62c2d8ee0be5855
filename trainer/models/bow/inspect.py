"""What a bag of words lets one look into: how its label came about, and its vector of a text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from trainer.inference.loading import LoadedModel
from trainer.inspect.reading import MAX_TOKENS, Reading, label_number
from trainer.inspect.vectors import tokens_of


def reading(loaded: LoadedModel, text: str) -> Reading:
    tokenizer, model = loaded.task.assets.tokenizer, loaded.model
    limit = min(MAX_TOKENS, loaded.task.spec.batch.sequence_length)
    tokens = [*tokenizer.encode(text), tokenizer.end_of_text_id][:limit]
    embedding, head = model.embedding, model.head
    assert isinstance(embedding, nn.EmbeddingBag)
    assert isinstance(head, nn.Linear)
    names = list(loaded.task.assets.label_names)

    def logits(ids: Tensor, points: Tensor | None) -> Tensor:
        each = embedding.weight[ids] if points is None else points  # (S, T, D)
        found: Tensor = head(each.mean(dim=1))
        return found

    return Reading(
        tokens=tokens,
        baseline=[tokenizer.end_of_text_id] * len(tokens),
        embedding=embedding,
        logits=logits,
        name=lambda answer: names[answer],
        number=lambda target: label_number(names, target),
    )


def vectors(loaded: LoadedModel, texts: Sequence[str]) -> Tensor:
    model: Any = loaded.model
    tokens = [tokens_of(loaded, text, loaded.task.spec.batch.sequence_length) for text in texts]
    starts = torch.tensor([0, *(len(each) for each in tokens)][:-1], device=loaded.device).cumsum(0)
    flat = torch.tensor([token for each in tokens for token in each], device=loaded.device)
    found: Tensor = model.embedding(flat, starts)
    return found
