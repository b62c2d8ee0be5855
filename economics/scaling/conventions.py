"""What N, D, C and loss mean in a set of points or a law: stored with every fit, checked before two are compared."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

CountedParams = Literal["total", "in_matmuls", "non_embedding"]
LossUnit = Literal["nats_per_token", "bits_per_byte"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conventions:
    """What the numbers of a law count.

    Exponents of one and the same set of runs move from 0.50 to 0.70 with the choice of N alone (whether the
    embedding and the output head count), so a law without its conventions is not a law.

    Source: Porian et al. 2024, Resolving Discrepancies in Compute-Optimal Scaling, arXiv 2406.19146.
    """

    counted_params: CountedParams = "total"
    """What N counts: all parameters, those in matrix products, or all but the embeddings."""

    flop_per_param_token: float = 6.0
    """C = this x N x D where the points do not bring their own counted FLOP."""

    counts_attention_flop: bool = False
    """Whether C counts the attention scores."""

    tokenizer: str = ""
    """Name of the tokenizer: losses per token under two tokenizers cannot be compared. Empty if unknown."""

    loss_unit: LossUnit = "nats_per_token"
    """Unit of the loss. Bits per byte compares across tokenizers."""

    vocabulary_size: int | None = None
    """Tokens in the tokenizer's vocabulary; None if not known."""

    bytes_per_token: float | None = None
    """Bytes of raw text that one token stands for on average; None if not known."""

    @property
    def untrained_loss(self) -> float | None:
        """Loss of a model that has seen nothing and guesses among all tokens alike, in the convention's unit.

        >>> round(Conventions(vocabulary_size=1024).untrained_loss, 3)
        6.931
        """
        if self.vocabulary_size is None:
            return None
        nats = math.log(self.vocabulary_size)
        if self.loss_unit == "nats_per_token":
            return nats
        return bits_per_byte(nats, bytes_per_token=self.bytes_per_token) if self.bytes_per_token else None

    def loss_of_bits(self, bits: float) -> float | None:
        """So many bits a byte of text in the convention's unit; None where bytes a token are not known.

        >>> round(Conventions(bytes_per_token=4.4).loss_of_bits(0.6), 3)
        1.83
        """
        if self.loss_unit == "bits_per_byte":
            return bits
        return bits * self.bytes_per_token * math.log(2) if self.bytes_per_token else None

    def differences(self, other: Conventions) -> list[str]:
        """What stops two laws from being compared as they are; empty if nothing does.

        >>> Conventions().differences(Conventions(counted_params="non_embedding"))
        ['N counts total parameters here and non_embedding there']
        """
        found = []
        if self.counted_params != other.counted_params:
            found.append(f"N counts {self.counted_params} parameters here and {other.counted_params} there")
        if self.loss_unit != other.loss_unit:
            found.append(f"loss is in {self.loss_unit} here and in {other.loss_unit} there")
        elif self.loss_unit == "nats_per_token" and self.tokenizer != other.tokenizer:
            found.append(f"tokenizers differ ({self.tokenizer or 'unknown'}, {other.tokenizer or 'unknown'})")
        return found


def bits_per_byte(loss_nats_per_token: float, *, bytes_per_token: float) -> float:
    """Turn a loss in nats a token into bits a byte of text, which no choice of tokenizer changes.

    Parameters
    ----------
    loss_nats_per_token : mean cross-entropy, natural logarithm
    bytes_per_token : bytes of raw text that one token stands for on average, > 0; about 4.4 for English under a
        vocabulary of 50,000

    >>> round(bits_per_byte(2.0, bytes_per_token=4.4), 4)
    0.6558
    """
    if not bytes_per_token > 0:
        raise ValueError(f"bytes_per_token ({bytes_per_token}) must be positive")
    return loss_nats_per_token / (0.6931471805599453 * bytes_per_token)
