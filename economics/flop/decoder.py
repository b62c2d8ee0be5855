"""FLOP of a decoder, from its matrices and the square of attention.

A token passes every matrix of its layers once: 2 FLOP (a multiplication and an addition) for each parameter in one. In
attention it also meets the tokens before it, which costs more the longer the sequence. Training takes three forward passes:
one forward, and two backward (gradients of inputs, and of weights); recomputing adds up to one more.

Counts differ by convention, so every count names its own:

- `6nd`: matrices alone; training is 6 x parameters x tokens.
- `full`: with attention over the whole square of positions, 12 L d s per token in training: what utilisation is quoted with.
- `causal`: with the half of the square that a causal model needs, and good kernels compute.

Units: FLOP per token. A 7 B model at 2,048 tokens takes 14 GFLOP forward; attention is 8 % of it, at 32,768 tokens more than
half. Left out: norms, activations, softmax, look-ups: under 1 % of the FLOP, though not of the time (`throughput.layer`).

Source: Kaplan et al. 2020 (arXiv 2001.08361) §2.1; Chowdhery et al. 2022 (arXiv 2204.02311) appendix B; Narayanan et al. 2021
(arXiv 2104.04473) §5.1, whose closed form is checked in the tests.

>>> from economics.architecture.lookup import find_decoder
>>> llama = find_decoder("llama-2-7b")[0]
>>> for convention in ("6nd", "causal", "full"):
...     print(convention, round(training_flop_per_token(llama, 4096, convention=convention).total / 1e9, 1))
6nd 39.6
causal 42.9
full 46.1
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from economics.architecture.decoder import Decoder
from economics.architecture.decoder_parts import (
    attention_matmuls,
    dense_feed_forward_matmuls,
    expert_matmuls,
    state_matmuls,
)
from economics.errors import InputError

Convention = Literal["6nd", "full", "causal"]
Recompute = Literal["none", "selective", "full"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Flop:
    """FLOP by part; the total is the sum."""

    by_part: dict[str, float]
    convention: Convention

    @property
    def total(self) -> float:
        """The sum over the parts."""
        return sum(self.by_part.values())

    def times(self, factor: float) -> Flop:
        """The same, `factor` times."""
        return Flop(by_part={k: v * factor for k, v in self.by_part.items()}, convention=self.convention)


def attended_tokens(decoder: Decoder, sequence_length: int, *, causal: bool) -> float:
    """Return the keys that a query meets, summed over the layers.

    Without causality it is the whole sequence in each layer; with it, on average half. Layers with a sliding window
    meet at most the window, and attention that looks for its tokens first at most as many as it takes.

    >>> from economics.architecture import modern_decoder
    >>> tiny = modern_decoder(num_layers=2, model_width=8, num_heads=2, vocabulary_size=16)
    >>> attended_tokens(tiny, 100, causal=False), attended_tokens(tiny, 100, causal=True)
    (200.0, 100.0)
    """
    s = float(sequence_length)
    causal = causal and decoder.causal

    def seen(most: float) -> float:
        w = min(most, s)
        return w - w * w / (2 * s) if causal else w

    chosen = float(decoder.latent.index_tokens if decoder.latent else 0) or s
    total = (decoder.attention_layers - decoder.num_window_layers) * seen(chosen)
    return total + decoder.num_window_layers * seen(float(decoder.window or sequence_length))


def index_flop_per_token(decoder: Decoder, sequence_length: int, *, causal: bool) -> float:
    """Return the FLOP of looking for the tokens worth attending to: every token before is scored by every index head.

    >>> from economics.architecture.lookup import find_decoder
    >>> index_flop_per_token(find_decoder("deepseek-v3")[0], 4096, causal=True)
    0.0
    """
    latent = decoder.latent
    if latent is None or not latent.index_heads:
        return 0.0
    keys = sequence_length / 2 if causal and decoder.causal else float(sequence_length)
    return 2.0 * decoder.attention_layers * latent.index_heads * latent.index_width * keys


def forward_flop_per_token(decoder: Decoder, sequence_length: int, *, convention: Convention = "full") -> Flop:
    """Return the FLOP of one token's forward pass, by part.

    2 FLOP for every parameter in a matrix product, the output head included whether tied or not and the input
    embedding never; and in attention 2 h e FLOP for the scores and as many for the values, per key met. Norms,
    activations, softmax and rotary positions are left out: under 1 % of the FLOP, though not of the time.

    Parameters
    ----------
    decoder : the model
    sequence_length : tokens of a sequence, > 0
    convention : `6nd`, `full` or `causal` (see the package)

    Source
    ------
    Kaplan et al. 2020, arXiv 2001.08361, §2.1; Chowdhery et al. 2022, arXiv 2204.02311, appendix B.

    >>> from economics.architecture import modern_decoder
    >>> llama = modern_decoder(num_layers=32, model_width=4096, num_heads=32, vocabulary_size=32000,
    ...                        feed_forward_width=11008)
    >>> round(forward_flop_per_token(llama, 2048).total / 1e9, 2)
    14.29
    """
    if sequence_length < 1:
        raise InputError("sequence_length", sequence_length, "at least 1 token")
    La, Ls, Lf, Lx = (
        decoder.attention_layers, decoder.num_state_layers, decoder.num_dense_layers, decoder.num_expert_layers,
    )  # fmt: skip
    parts: dict[str, float] = {
        "attention_projections": 2.0 * La * sum(m.active for m in attention_matmuls(decoder)),
        "state_projections": 2.0 * Ls * sum(m.active for m in state_matmuls(decoder)),
        "feed_forward": 2.0 * Lf * sum(m.active for m in dense_feed_forward_matmuls(decoder)),
        "output_head": 2.0 * (decoder.vocabulary_size * decoder.table_width + decoder.widening),
    }
    for part in ("experts", "shared_experts", "router"):
        parts[part] = 2.0 * Lx * sum(m.active for m in expert_matmuls(decoder) if m.part == part)
    if convention != "6nd":
        keys = attended_tokens(decoder, sequence_length, causal=convention == "causal")
        parts["state"] = Ls * decoder.state.flop_per_token if decoder.state else 0.0
        parts["attention_scores"] = 2.0 * decoder.num_heads * decoder.head * keys
        parts["attention_values"] = 2.0 * decoder.num_heads * decoder.value_head * keys
        parts["attention_index"] = index_flop_per_token(decoder, sequence_length, causal=convention == "causal")
    return Flop(by_part={name: flop for name, flop in parts.items() if flop}, convention=convention)


def training_flop_per_token(
    decoder: Decoder,
    sequence_length: int,
    *,
    convention: Convention = "full",
    recompute: Recompute = "none",
    frozen_fraction: float = 0.0,
) -> Flop:
    """Return the FLOP of one token's forward and backward pass, by part.

    The backward pass multiplies twice: for the gradient of the activations and for that of the weights, so
    training is three forwards. Recomputing adds to it: `full` one forward of the layers (not of the head),
    `selective` the products of attention alone. What is recomputed is hardware FLOP, never model FLOP: ask
    with `recompute="none"` for MFU.

    Parameters
    ----------
    frozen_fraction : share of the parameters in matrices that get no gradient, 0 to 1 (adapters: about 1, see
        `economics.flop.adapters`)

    Raises
    ------
    InputError : if `frozen_fraction` is outside 0 to 1

    Source
    ------
    Narayanan et al. 2021, arXiv 2104.04473, §5.1: 72 B s L d² (1 + s/6d + V/12Ld) without recomputing and
    96 B s L d² (1 + s/6d + V/16Ld) with, which the test compares.

    >>> from economics.architecture import modern_decoder
    >>> llama = modern_decoder(num_layers=32, model_width=4096, num_heads=32, vocabulary_size=32000,
    ...                        feed_forward_width=11008)
    >>> round(training_flop_per_token(llama, 2048).total / 1e9, 2)
    42.86
    >>> round(training_flop_per_token(llama, 2048, convention="6nd").total / 6e9, 3)  # N in matmuls
    6.607
    """
    if not 0.0 <= frozen_fraction <= 1.0:
        raise InputError("frozen_fraction", frozen_fraction, "between 0 and 1")
    forward = forward_flop_per_token(decoder, sequence_length, convention=convention).by_part
    parts: dict[str, float] = {}
    for name, flop in forward.items():
        core = name in ("attention_scores", "attention_values")
        passes = 3.0 if core else 3.0 - frozen_fraction
        if (recompute == "full" and name != "output_head") or (recompute == "selective" and core):
            passes += 1.0
        parts[name] = passes * flop
    return Flop(by_part=parts, convention=convention)


def training_flop_of_batch(
    decoder: Decoder,
    *,
    sequence_length: int,
    num_sequences: int,
    convention: Convention = "full",
    recompute: Recompute = "none",
) -> float:
    """Return the FLOP of one optimizer step on a batch of equal sequences.

    >>> from economics.architecture import classic_decoder
    >>> gpt = classic_decoder(num_layers=2, model_width=64, num_heads=2, vocabulary_size=128, context_length=32)
    >>> B, s, L, d, V = 4, 32, 2, 64, 128
    >>> round(training_flop_of_batch(gpt, sequence_length=s, num_sequences=B)) == round(
    ...     72 * B * s * L * d**2 * (1 + s / (6 * d) + V / (12 * L * d)))
    True
    """
    per_token = training_flop_per_token(decoder, sequence_length, convention=convention, recompute=recompute)
    return per_token.total * sequence_length * num_sequences
