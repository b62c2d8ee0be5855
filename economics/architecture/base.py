"""What every architecture can say of itself: its parameters by part, and which of them a token meets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, kw_only=True, slots=True)
class Parameters:
    """Trainable parameters of a model, by part.

    The *active* parameters are those that one token (image, example) passes through: in a mixture of
    experts only the chosen experts count. Those *in matmuls* are multiplied with activations, once per
    token; look-ups, norms and biases are not. A tied output head is a matmul without parameters of its own,
    so `matmul` can count a matrix that `by_part` lists as the embedding.

    >>> Parameters(by_part={"embedding": 10, "attention": 30}, active_by_part={"embedding": 10, "attention": 30},
    ...            matmul=30, active_matmul=30).total
    40
    """

    by_part: dict[str, int]
    """Stored parameters of each part, each counted once (a tied head is in `embedding`)."""

    active_by_part: dict[str, int]
    """The same, for the experts that one token uses."""

    matmul: int
    """Parameters multiplied with activations, all experts."""

    active_matmul: int
    """Parameters multiplied with one token's activations."""

    @property
    def total(self) -> int:
        """All stored parameters."""
        return sum(self.by_part.values())

    @property
    def active(self) -> int:
        """Parameters that one token meets."""
        return sum(self.active_by_part.values())

    @property
    def non_embedding(self) -> int:
        """Total without input embeddings and learned positions (Kaplan's N also leaves out the head)."""
        return self.total - self.by_part.get("embedding", 0) - self.by_part.get("positions", 0)


@runtime_checkable
class Architecture(Protocol):
    """Anything whose parameters can be counted."""

    @property
    def kind(self) -> str:
        """decoder, encoder, encoder-decoder, vision-transformer, convolutional, recommender."""

    def parameters(self) -> Parameters:
        """Count the parameters by part."""
