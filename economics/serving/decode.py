"""One step of decoding: weights read once for the whole batch, caches read for each sequence.

Writing a token passes every weight that it uses through the matrix units once. With one sequence that is all there is to do
with it, so a step takes as long as reading the weights; a larger batch shares the reading, until arithmetic takes longer. Each
sequence also reads its own cache of keys and values, which no batch shares, and layers have kernels that wait for each other
however little they do.

Units: seconds of a step, in which each sequence of the batch gets one token. Range: one sequence is met within 5-7 % at the
median, bf16 to int4 on one to eight devices. Left out: choosing the next token and the engine's scheduling (the spread of
serving holds them).

Source: Pope et al. 2022 (arXiv 2211.05102); shares fitted to published decoding speeds (`constants`).

From bound by memory to bound by arithmetic: tokens per second of an 8 B model on one H100, by batch:

>>> from economics.architecture.lookup import find_decoder
>>> from economics.catalogue.accelerators import find_accelerator
>>> llama, h100 = find_decoder("llama-3.1-8b")[0], find_accelerator("h100")
>>> for batch in (1, 16, 256):
...     step = decode_seconds(llama, h100, layout=Layout(), batch=batch, tokens_per_sequence=512)
...     print(batch, round(batch / step.total, -1))
1 150.0
16 2180.0
256 14640.0
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log2

from economics.architecture.decoder import Decoder
from economics.assumptions import LINK_LATENCY_SECONDS, NETWORK_LATENCY_SECONDS
from economics.constants import (
    DECODE_FRACTION,
    DEQUANTISE_OPERATIONS,
    LAYER_SECONDS,
    OVERLAP_EXPONENT,
)
from economics.hardware import Accelerator
from economics.layout import Layout
from economics.serving.formats import KVFormat, WeightFormat, computing_number, needs_unpacking, weight_bits
from economics.serving.memory import kv_ranks, read_bytes_per_sequence, state_bytes_per_sequence
from economics.throughput.collectives import all_reduce_seconds, all_to_all_seconds, ring_of
from economics.throughput.operations import sustained_fraction

USUAL_KERNELS = 10
"""Kernels of a usual layer that wait for each other, which `LAYER_SECONDS` was fitted to: norm, projection, rotation, attention
in two (its parts of the cache, then their sum), output, norm, up, activation, down."""
LATENT_KERNELS = 5
"""More of them with latent attention: projections down, their norms, and the heads' matrices on queries and on values."""
MIXTURE_KERNELS = 4
"""More of them in a mixture: the router, the choice, sorting tokens by expert, and the weighted sum."""
SHARED_KERNELS = 3
"""More of them with shared experts: up, activation, down."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DecodeTime:
    """Seconds of one decoding step of a replica, by part; the total is the sum."""

    products: float
    """Weights read and multiplied, the one partly behind the other."""
    unpacking: float
    cache: float
    layers: float
    """Kernels that wait for each other."""
    communication: float
    reading: float = 0.0
    """Of `products`: reading the weights, alone."""
    computing: float = 0.0
    """Of `products`: multiplying, alone."""

    @property
    def total(self) -> float:
        """Seconds of the step."""
        return self.products + self.unpacking + self.cache + self.layers + self.communication

    def by_part(self) -> dict[str, float]:
        """The parts by name; they sum to the total."""
        names = ("products", "unpacking", "cache", "layers", "communication")
        return {name: float(getattr(self, name)) for name in names}


def touched_parameters(decoder: Decoder, batch: float) -> float:
    """Return the parameters in matrices that one step reads: every expert that some sequence of the batch chose.

    A mixture's experts are met with probability 1 - (1 - K/E)^b each, if routing is even. The output head is read,
    the untied input embedding is not (a look-up).

    >>> from economics.architecture.lookup import find_decoder
    >>> mixtral = find_decoder("mixtral-8x7b")[0]
    >>> one, many = touched_parameters(mixtral, 1), touched_parameters(mixtral, 64)
    >>> round(one / 1e9, 1), round(many / 1e9, 1)
    (12.7, 46.6)
    """
    counted = decoder.parameters()
    mixture = decoder.mixture
    if mixture is None:
        return float(counted.matmul)
    stored = float(counted.by_part.get("experts", 0))
    met = 1.0 - float((1.0 - mixture.experts_per_token / mixture.num_experts) ** max(1.0, batch))
    return counted.matmul - stored * (1.0 - met)


def waiting_seconds(decoder: Decoder) -> float:
    """Return how long the kernels of all layers wait for each other in a step, however little they do.

    Each takes a few microseconds to start, read its input and end; a layer takes as long as its chain is.

    >>> from economics.architecture.lookup import find_decoder
    >>> for model in ("llama-3.1-8b", "mixtral-8x7b", "deepseek-v3"):
    ...     decoder = find_decoder(model)[0]
    ...     print(model, decoder.num_layers, round(1000 * waiting_seconds(decoder), 2))
    llama-3.1-8b 32 0.96
    mixtral-8x7b 32 1.34
    deepseek-v3 61 3.96
    """
    kernels = decoder.num_layers * (USUAL_KERNELS + (LATENT_KERNELS if decoder.latent else 0))
    if decoder.mixture:
        kernels += decoder.num_expert_layers * (
            MIXTURE_KERNELS + (SHARED_KERNELS if decoder.mixture.shared_width else 0)
        )
    return kernels * LAYER_SECONDS.value / USUAL_KERNELS


def decode_seconds(
    decoder: Decoder,
    accelerator: Accelerator,
    *,
    layout: Layout,
    batch: float,
    tokens_per_sequence: float,
    weights: WeightFormat = "bf16",
    kv: KVFormat = "bf16",
) -> DecodeTime:
    """Return the time of one step that gives each sequence of the batch one token.

    Reading the touched weights and multiplying them with the batch overlap like in training; then the caches are
    read. Each layer also has kernels that wait for each other, and two all-reduces with tensor parallelism (an
    exchange of tokens with expert parallelism). Pipeline stages follow one another: they divide memory, not the time
    of a step; data ranks divide the batch.

    >>> from economics.architecture.lookup import find_decoder
    >>> from economics.catalogue.accelerators import find_accelerator
    >>> llama, a100 = find_decoder("llama-2-7b")[0], find_accelerator("a100")
    >>> step = decode_seconds(llama, a100, layout=Layout(), batch=1, tokens_per_sequence=100)
    >>> abs(step.total / 9.533e-3 - 1) < 0.1        # measured
    True
    """
    local = max(1.0, batch / (layout.data * layout.context))
    ranks = layout.tensor * (layout.expert if decoder.mixture and layout.expert > 1 else 1)
    touched = touched_parameters(decoder, batch if layout.expert > 1 else local)
    active = float(decoder.parameters().active_matmul)
    rated = accelerator.memory_bytes_per_second * DECODE_FRACTION.value
    number = computing_number(weights, accelerator)
    reading = touched * weight_bits(weights) / 8.0 / ranks / rated
    rate = accelerator.ceiling(number) * sustained_fraction(accelerator)
    computing = 2.0 * active * local / layout.tensor / rate
    x = OVERLAP_EXPONENT.value
    unpacking = 0.0
    if needs_unpacking(weights, accelerator):
        unpacking = touched / ranks * DEQUANTISE_OPERATIONS.value / accelerator.peak("fp32")
    sequences = max(1.0, batch / layout.data)
    holders = kv_ranks(decoder, layout.tensor) * layout.context
    # keys and values are read; states are read and written anew
    cached = read_bytes_per_sequence(decoder, tokens_per_sequence, kv) + state_bytes_per_sequence(decoder)
    cache = sequences * cached / holders / rated
    return DecodeTime(
        products=float((reading**x + computing**x) ** (1.0 / x)),
        unpacking=unpacking,
        cache=cache,
        layers=waiting_seconds(decoder),
        communication=_communication(decoder, accelerator, layout, local),
        reading=reading,
        computing=computing,
    )


def exchange_seconds(decoder: Decoder, accelerator: Accelerator, layout: Layout, tokens: float) -> float:
    """Return how long a rank's tokens travel to the ranks of their experts and back, over all mixture layers.

    >>> from economics.architecture.lookup import find_decoder
    >>> from economics.catalogue.accelerators import find_accelerator
    >>> mixtral, h100 = find_decoder("mixtral-8x7b")[0], find_accelerator("h100")
    >>> [round(1000 * exchange_seconds(mixtral, h100, Layout(data=8, expert=e), 2048), 1) for e in (1, 8)]
    [0.0, 9.7]
    """
    if layout.expert == 1 or decoder.mixture is None:
        return 0.0
    copies, groups = min(decoder.mixture.experts_per_token, layout.expert), decoder.mixture.groups_per_token
    exchange = all_to_all_seconds(
        accelerator, copies * tokens * decoder.model_width * 2.0, size=layout.expert, stride=layout.tensor,
        most_leaving=groups / copies if groups else 1.0,
    )  # fmt: skip
    return 2.0 * decoder.num_expert_layers * exchange


def _communication(decoder: Decoder, accelerator: Accelerator, layout: Layout, local_batch: float) -> float:
    num_bytes = local_batch * decoder.model_width * 2.0
    seconds = 0.0
    if layout.tensor > 1:
        ring = ring_of(accelerator, size=layout.tensor)
        small = LINK_LATENCY_SECONDS.value * 0.5 * (1.0 + log2(layout.tensor))
        if layout.tensor > accelerator.num_per_node:
            small += NETWORK_LATENCY_SECONDS.value
        wire = max(0.0, all_reduce_seconds(ring, num_bytes) - all_reduce_seconds(ring, 0.0))
        seconds += 2 * decoder.num_layers * (small + wire)
    seconds += exchange_seconds(decoder, accelerator, layout, local_batch)
    if layout.pipeline > 1:
        ring = ring_of(accelerator, size=2, stride=layout.tensor)
        seconds += (layout.pipeline - 1) * (num_bytes / ring.bytes_per_second + ring.latency_seconds)
    return seconds
