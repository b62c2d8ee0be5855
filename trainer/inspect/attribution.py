"""Integrated gradients for text (Sundararajan, Taly and Yan 2017): how much each token raised the log-probability of an answer.

The tokens' vectors are moved in a straight line from a baseline (a text of end-of-text, or of [MASK]) to the text; the
gradients along the way, times the difference, add up to what the model says of the text minus what it says of the
baseline. How far the sum misses that is told as `gap`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from trainer.errors import InputError
from trainer.inference.engine import token_label
from trainer.inference.loading import LoadedModel
from trainer.inspect.reading import Reading, of_family

NUM_STEPS = 64
TOKENS_AT_ONCE = 8_192


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
    read = of_family(loaded.task.spec.family, "reading")
    if read is None:
        raise InputError(f"a model of family {loaded.task.spec.family} cannot be explained token by token")
    if not text.strip():
        raise InputError("there is no text to explain; write one")
    found: Reading = read(loaded, text)
    return found


def _label(tokenizer: Any, token: int) -> str:
    """Return a token's text; of one that the model added to the tokenizer's own, a sign."""
    return token_label(tokenizer, token) if token < tokenizer.vocab_size else "[·]"
