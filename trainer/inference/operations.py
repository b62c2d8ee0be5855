"""What a loaded model can be asked for, besides generating: plain functions from a request's fields to a JSON answer."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import torch

from trainer.errors import InputError
from trainer.inference.engine import inspect, token_label
from trainer.inference.loading import LoadedModel
from trainer.inference.prompt import Prompt, read_prompt

MAX_TOP = 200


def read(loaded: LoadedModel, text: str, *, num_new_tokens: int = 0) -> Prompt:
    """Return the prompt as this model reads it."""
    length = loaded.task.spec.model.context_length
    return read_prompt(text, loaded.task.assets.tokenizer, context_length=length, num_new_tokens=num_new_tokens)


def prompt_answer(prompt: Prompt) -> dict[str, Any]:
    return {"prompt": prompt.shown, "num_prompt_tokens": len(prompt.tokens), "num_cut_tokens": prompt.num_cut}


def inspect_text(loaded: LoadedModel, text: str, *, top: int = 20) -> dict[str, Any]:
    """Return the likeliest next tokens behind each token of a text."""
    loaded.require("inspect")
    if not 1 <= top <= MAX_TOP:
        raise InputError(f"top is {top}; it must be from 1 to {MAX_TOP}")
    prompt, tokenizer = read(loaded, text), loaded.task.assets.tokenizer
    positions = inspect(loaded.language_model, prompt.tokens, tokenizer, device=loaded.device, top=top)
    return {**prompt_answer(prompt), "positions": msgspec.to_builtins(positions)}


def attention_map(loaded: LoadedModel, text: str, *, layer: int, head: int) -> dict[str, Any]:
    """Return what one head looks at: a row for each token, with its weights on those it sees.

    A model that writes sees the tokens up to each; one that reads both ways (its task frames a text) sees all of them.
    """
    loaded.require("attention")
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


def predict_label(loaded: LoadedModel, text: str) -> dict[str, Any]:
    """Return the labels of a text with their probabilities, likeliest first."""
    loaded.require("predict")
    return loaded.task.answer(loaded.model, text)


def predict_image(loaded: LoadedModel, image: str) -> dict[str, Any]:
    """Return the classes of a picture (its bytes in base64), likeliest first, and where the model looked."""
    loaded.require("predict_image")
    try:
        data = base64.b64decode(image, validate=True)
    except ValueError as error:
        raise InputError("the picture is not in base64; send its bytes encoded so") from error
    return loaded.task.answer_image(loaded.model, data)


def require_number(name: str, value: int, count: int) -> None:
    if not 0 <= value < count:
        raise InputError(f"{name} is {value}; this model has {count}, numbered from 0")
