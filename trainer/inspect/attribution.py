"""Integrated gradients for text (Sundararajan, Taly and Yan 2017): how much each token raised the log-probability of an answer.

The tokens' vectors are moved in a straight line from a baseline (a text of end-of-text, or of [MASK]) to the text; the
gradients along the way, times the difference, add up to what the model says of the text minus what it says of the
baseline. How far the sum misses that is told as `gap`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from trainer.errors import InputError
from trainer.inference.engine import token_label
from trainer.inference.loading import LoadedModel
from trainer.inference.prompt import read_prompt

NUM_STEPS = 64
MAX_TOKENS = 512
TOKENS_AT_ONCE = 8_192


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


def explain_text(loaded: LoadedModel, text: str, *, target: str = "", num_steps: int = NUM_STEPS) -> dict[str, Any]:
    """Return each token's part in the answer `target`; empty: the likeliest answer."""
    loaded.require("explain")
    reading = read_for(loaded, text)
    tokens = torch.tensor([reading.tokens], device=loaded.device)
    baseline = torch.tensor([reading.baseline], device=loaded.device)
    with torch.no_grad():
        before = log_probabilities(reading, reading.logits(tokens, None))[0]
        answer = reading.number(target) if target else int(before.argmax())
        without = log_probabilities(reading, reading.logits(baseline, None))[0]
    scores = integrated_gradients(reading, tokens, baseline, answer, num_steps=num_steps)
    tokenizer = loaded.task.assets.tokenizer
    change = float(before[answer] - without[answer])
    return {
        "tokens": [
            {"text": _label(tokenizer, token), "score": round(score, 6)}
            for token, score in zip(reading.tokens, scores.tolist(), strict=True)
        ],
        "target": reading.name(answer),
        "probability": float(before[answer].exp()),
        "baseline_probability": float(without[answer].exp()),
        "change": change,
        "gap": float(scores.sum()) - change,
        "num_steps": num_steps,
    }


def integrated_gradients(reading: Reading, tokens: Tensor, baseline: Tensor, answer: int, *, num_steps: int) -> Tensor:
    """Return the score of each token (T,): the mean gradient over the way, by the middle of each step."""
    with torch.no_grad():
        end, begin = vectors(reading, tokens), vectors(reading, baseline)  # (1, T, D)
    way = (torch.arange(num_steps, device=end.device) + 0.5) / num_steps
    total = torch.zeros_like(end[0])
    at_once = max(1, TOKENS_AT_ONCE // tokens.size(1))
    for some in torch.split(way, at_once):
        points = (begin + some[:, None, None] * (end - begin)).requires_grad_()  # (S, T, D)
        with torch.enable_grad():
            logits = reading.logits(tokens.expand(len(some), -1), points)
            value = log_probabilities(reading, logits)[:, answer].sum()
            (gradient,) = torch.autograd.grad(value, points)
        total += gradient.sum(dim=0)
    return ((end - begin)[0] * total / num_steps).sum(dim=-1).cpu()


def vectors(reading: Reading, tokens: Tensor) -> Tensor:
    weight = reading.embedding.weight
    assert isinstance(weight, Tensor)
    return weight.detach()[tokens]


def log_probabilities(reading: Reading, logits: Tensor) -> Tensor:
    if reading.by_itself:
        return nn.functional.logsigmoid(logits.float())
    return logits.float().log_softmax(dim=-1)


def read_for(loaded: LoadedModel, text: str) -> Reading:
    """Return the text as the family's model reads it."""
    readers = {"gpt": _read_gpt, "bow": _read_bow, "bert": _read_bert}
    reader = readers.get(loaded.task.spec.family)
    if reader is None:
        raise InputError(f"a model of family {loaded.task.spec.family} cannot be explained token by token")
    if not text.strip():
        raise InputError("there is no text to explain; write one")
    return reader(loaded, text)


def _read_gpt(loaded: LoadedModel, text: str) -> Reading:
    """The answer is the next token."""
    tokenizer, model = loaded.task.assets.tokenizer, loaded.model
    length = min(MAX_TOKENS, loaded.language_model.context_length)
    tokens = read_prompt(text, tokenizer, context_length=length).tokens
    embedding = _embedding(model)

    def number(target: str) -> int:
        found = tokenizer.encode(target)
        if not found:
            raise InputError(f"{target!r} is no token; write the text that should come next")
        return found[0]

    return Reading(
        tokens=tokens,
        baseline=[tokenizer.end_of_text_id] * len(tokens),
        embedding=embedding,
        logits=lambda ids, points: _with_vectors(embedding, points, lambda: model(ids))[:, -1],
        name=lambda answer: token_label(tokenizer, answer),
        number=number,
    )


def _read_bow(loaded: LoadedModel, text: str) -> Reading:
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
        number=lambda target: _label_number(names, target),
    )


def _read_bert(loaded: LoadedModel, text: str) -> Reading:
    """The answer is a label of the text."""
    task: Any = loaded.task
    model: Any = loaded.model
    if task.model_spec.objective not in ("classify", "multi_label"):
        raise InputError("this model gives no label to a text, so there is no answer to explain; choose a classifier")
    length = min(MAX_TOKENS, task.length)
    tokens = task.special.frame(task.assets.tokenizer.encode(text), length).tolist()
    names, embedding = list(task.objective.names), _embedding(model)
    kept = {task.special.first, task.special.last}
    return Reading(
        tokens=tokens,
        baseline=[token if token in kept else task.special.mask for token in tokens],
        embedding=embedding,
        logits=lambda ids, points: _with_vectors(embedding, points, lambda: model.classify(ids)),
        name=lambda answer: names[answer],
        number=lambda target: _label_number(names, target),
        by_itself=task.model_spec.objective == "multi_label",
    )


def _embedding(model: nn.Module) -> nn.Embedding:
    embedding = model.token_embedding
    assert isinstance(embedding, nn.Embedding)
    return embedding


def _with_vectors(embedding: nn.Module, points: Tensor | None, call: Callable[[], Tensor]) -> Tensor:
    """Call the model with these vectors in the place of its embedded tokens."""
    if points is None:
        return call()
    handle = embedding.register_forward_hook(lambda module, inputs, output: points)
    try:
        return call()
    finally:
        handle.remove()


def _label_number(names: list[str], target: str) -> int:
    if target not in names:
        raise InputError(f"{target!r} is no label of this model; its labels are {', '.join(names[:20])}")
    return names.index(target)


def _label(tokenizer: Any, token: int) -> str:
    """Return a token's text; of one that the model added to the tokenizer's own, a sign."""
    return token_label(tokenizer, token) if token < tokenizer.vocab_size else "[·]"
