"""What a GPT lets one look into: how its next token came about, and its vector of a text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from trainer.errors import InputError
from trainer.inference.engine import token_label
from trainer.inference.loading import LoadedModel
from trainer.inference.prompt import read_prompt
from trainer.inspect.reading import MAX_TOKENS, Reading, token_embedding, with_vectors
from trainer.inspect.vectors import tokens_of


def reading(loaded: LoadedModel, text: str) -> Reading:
    """The answer is the next token."""
    tokenizer, model = loaded.task.assets.tokenizer, loaded.model
    length = min(MAX_TOKENS, loaded.language_model.context_length)
    tokens = read_prompt(text, tokenizer, context_length=length).tokens
    embedding = token_embedding(model)

    def number(target: str) -> int:
        found = tokenizer.encode(target)
        if not found:
            raise InputError(f"{target!r} is no token; write the text that should come next")
        return found[0]

    return Reading(
        tokens=tokens,
        baseline=[tokenizer.end_of_text_id] * len(tokens),
        embedding=embedding,
        logits=lambda ids, points: with_vectors(embedding, points, lambda: model(ids))[:, -1],
        name=lambda answer: token_label(tokenizer, answer),
        number=number,
    )


def vectors(loaded: LoadedModel, texts: Sequence[str]) -> Tensor:
    """Mean of the last hidden states. Padding stands at the end, where a causal model does not see it from before."""
    model: Any = loaded.model
    tokens = [tokens_of(loaded, text, model.context_length) for text in texts]
    longest = max(len(each) for each in tokens)
    padded = torch.tensor([each + [0] * (longest - len(each)) for each in tokens], device=loaded.device)  # (N, T)
    mask = torch.tensor([[1.0] * len(each) + [0.0] * (longest - len(each)) for each in tokens], device=loaded.device)
    hidden = model.hidden(padded).float()  # (N, T, D)
    found: Tensor = (hidden * mask[:, :, None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)  # (N, D)
    return found
