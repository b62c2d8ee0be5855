"""What one head of a layer looks at."""

from __future__ import annotations

from typing import Any

import torch

from trainer.inference.engine import token_label
from trainer.inference.loading import LoadedModel
from trainer.inference.operations.asking import ModelRequest, Operation, prompt_answer, read, require_number


class AttentionRequest(ModelRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    text: str = ""
    layer: int = 0
    head: int = 0


def attention_map(loaded: LoadedModel, text: str, *, layer: int, head: int) -> dict[str, Any]:
    """Return a row for each token, with its weights on those it sees.

    A model that writes sees the tokens up to each; one that reads both ways (its task frames a text) sees all of them.
    """
    tokenizer, special = loaded.task.assets.tokenizer, getattr(loaded.task, "special", None)
    if special is None:
        prompt = read(loaded, text)
        tokens, told = prompt.tokens, prompt_answer(prompt)
    else:
        whole = tokenizer.encode(text)
        tokens = special.frame(whole, loaded.task.spec.model.context_length).tolist()
        num_cut = max(len(whole) + 2 - len(tokens), 0)
        told = {"prompt": text, "num_prompt_tokens": len(tokens), "num_cut_tokens": num_cut}
    model = loaded.language_model
    require_number("layer", layer, model.num_layers)
    heads = model.attention_map(torch.tensor([tokens], device=loaded.device), layer=layer)[0]  # (H, T, T)
    require_number("head", head, len(heads))
    rows = heads[head].cpu().tolist()
    return {
        **told,
        "tokens": [token_label(tokenizer, token) if token < tokenizer.vocab_size else "[·]" for token in tokens],
        "num_layers": model.num_layers,
        "num_heads": len(heads),
        "weights": [[round(w, 5) for w in (row[: i + 1] if special is None else row)] for i, row in enumerate(rows)],
    }


def answer(loaded: LoadedModel, request: AttentionRequest) -> dict[str, Any]:
    """Return `tokens`, `weights` (row i has i + 1 numbers where a model writes), `num_layers`, `num_heads`."""
    return attention_map(loaded, request.text, layer=request.layer, head=request.head)


OPERATION = Operation(name="attention", request=AttentionRequest, answer=answer)
