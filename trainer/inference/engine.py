"""Runs a language model: the middle of the three steps of generation. Knows no prompt text and no page.

`generate` is a Python generator that does one forward pass for each token asked of it, so that its caller decides when:
several can take turns on one device.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from trainer.data.tokenizer import StreamDecoder, Tokenizer
from trainer.inference.sampling import SamplingSpec, StopAtText, distribution, draw


class Cache(Protocol):
    length: int


class LanguageModel(Protocol):
    """What the engine asks of a model that continues text."""

    @property
    def context_length(self) -> int: ...
    def __call__(self, tokens: Tensor, cache: Any = None) -> Tensor: ...
    def new_cache(self, *, batch: int, length: int) -> Any: ...
    @property
    def num_layers(self) -> int: ...
    def attention_map(self, tokens: Tensor, *, layer: int) -> Tensor: ...


@dataclass(frozen=True, slots=True)
class Written:
    """One token and the text that it lets through; half a character, or what may be a stop text, waits for the next."""

    token: int
    text: str
    probability: float
    end: str = ""
    """Why writing ends here: `end_of_text`, `stop`, `length`; empty while it goes on."""


@torch.inference_mode()
def next_logits(model: LanguageModel, tokens: list[int], cache: Cache, device: torch.device) -> Tensor:
    """Read the tokens behind those in the cache; return the logits (V,) of the one to come."""
    logits: Tensor = model(torch.tensor([tokens], device=device), cache=cache)  # (1, T, V)
    return logits[0, -1]


def generate(
    model: LanguageModel, tokens: list[int], settings: SamplingSpec, tokenizer: Tokenizer, *, device: torch.device
) -> Iterator[Written]:
    """Continue `tokens`. When the context is full the newer half of it is read again and writing goes on."""
    random = torch.Generator().manual_seed(settings.seed)
    decoder, stop = StreamDecoder(tokenizer), StopAtText(settings.stop)
    cache = new_cache(model, len(tokens) + settings.num_tokens)
    read, unread = list(tokens), list(tokens)
    for count in range(1, settings.num_tokens + 1):
        if cache.length + len(unread) > model.context_length:
            unread = read[-max(model.context_length // 2, 1) :]
            cache = new_cache(model, model.context_length)
        logits = next_logits(model, unread, cache, device)
        probabilities = distribution(logits, settings, seen=read)
        token = draw(probabilities, random)
        end = "end_of_text" if token == tokenizer.end_of_text_id else ""
        text = stop.push("" if end else decoder.push(token))
        if not end:
            end = "stop" if stop.is_reached else "length" if count == settings.num_tokens else ""
        if end and end != "stop":
            text += stop.push(decoder.flush()) + stop.flush()
        yield Written(token, text, float(probabilities[token]), end)
        if end:
            return
        read.append(token)
        unread = [token]


def new_cache(model: LanguageModel, length: int) -> Any:
    return model.new_cache(batch=1, length=min(length, model.context_length))


@dataclass(frozen=True, slots=True)
class Candidate:
    """A token that may come next."""

    token: int
    text: str
    probability: float


@dataclass(frozen=True, slots=True)
class Position:
    """One token of a text, and what the model expected behind it."""

    token: int
    text: str
    probability: float | None
    """What the model gave this token beforehand; None for the first."""

    rank: int | None
    """Its place among all tokens, from 1."""

    candidates: list[Candidate]
    """The likeliest next tokens."""


@torch.inference_mode()
def inspect(
    model: LanguageModel, tokens: list[int], tokenizer: Tokenizer, *, device: torch.device, top: int = 20
) -> list[Position]:
    """Return what the model expects behind each token of a text that fits into its context."""
    probabilities = model(torch.tensor([tokens], device=device))[0].float().softmax(dim=-1).cpu()  # (T, V)
    best = probabilities.topk(min(top, probabilities.size(-1)), dim=-1)
    positions = []
    for i, token in enumerate(tokens):
        given = float(probabilities[i - 1, token]) if i else None
        rank = int((probabilities[i - 1] > probabilities[i - 1, token]).sum()) + 1 if i else None
        rows = zip(best.indices[i].tolist(), best.values[i].tolist(), strict=True)
        candidates = [Candidate(t, token_label(tokenizer, t), p) for t, p in rows]
        positions.append(Position(token, token_label(tokenizer, token), given, rank, candidates))
    return positions


def token_label(tokenizer: Tokenizer, token: int) -> str:
    """Return a token's text; where it holds half a character, its bytes, as in <E4 BB>."""
    raw = tokenizer.token_bytes(token)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return f"<{raw.hex(' ').upper()}>"
