"""The GPT shapes that training and decoding are measured at. Standard library alone: every environment reads it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Shape:
    width: int
    layers: int
    heads: int
    length: int
    batch: int
    vocab: int

    @property
    def tokens_per_step(self) -> int:
        return self.batch * self.length

    @property
    def matmul_parameters(self) -> int:
        """Weights that a token is multiplied with: 12 D^2 a block, and the output."""
        return 12 * self.layers * self.width**2 + self.vocab * self.width

    @property
    def flop_per_token(self) -> float:
        """Forward and backward; of attention half of all pairs, for what is masked is not counted."""
        return 6 * self.matmul_parameters + 6 * self.layers * self.length * self.width

    def as_arguments(self) -> dict[str, Any]:
        return asdict(self)


SHAPES = {
    "a": Shape(width=256, layers=6, heads=8, length=256, batch=8, vocab=4_096),
    "b": Shape(width=512, layers=8, heads=8, length=512, batch=4, vocab=8_192),
    "c": Shape(width=1_024, layers=12, heads=16, length=512, batch=1, vocab=8_192),
}


def in_words(name: str, shape: Shape) -> str:
    sizes = f"d {shape.width}, {shape.layers} layers, {shape.heads} heads, length {shape.length}"
    return f"({name}) {sizes}, vocabulary {shape.vocab:,}"
