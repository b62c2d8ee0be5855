"""Runs a language model: the middle of the three steps of generation. Knows no prompt text and no page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from trainer.data.tokenizer import Tokenizer
from trainer.inference.batch import Batch, Decoder
from trainer.inference.sampling import SamplingSpec
from trainer.inference.writing import Writing


class LanguageModel(Protocol):
    """What the engine asks of a model that continues text."""

    @property
    def context_length(self) -> int: ...
    def __call__(self, tokens: Tensor) -> Tensor: ...
    def decoder(self, dtype: torch.dtype = torch.float32) -> Decoder: ...
    @property
    def num_layers(self) -> int: ...
    def attention_map(self, tokens: Tensor, *, layer: int) -> Tensor: ...


def generate(model: LanguageModel, tokens: list[int], settings: SamplingSpec, tokenizer: Tokenizer) -> Writing:
    """Return an iterator over the continuation of one text, for which the model is made ready and let go again."""
    return Batch(model.decoder(), tokenizer).write(tokens, settings)


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
