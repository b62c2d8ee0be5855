"""Memory of a replica: weights, cached keys and values, workspace."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor

from economics.architecture.decoder import Decoder
from economics.assumptions import COMMUNICATION_BUFFER_BYTES, DEVICE_CONTEXT_BYTES
from economics.hardware import Accelerator
from economics.layout import Layout
from economics.serving.formats import KVFormat, WeightFormat, kv_bytes, weight_bits


@dataclass(frozen=True, kw_only=True, slots=True)
class ServingMemory:
    """Bytes on one device, by part; the total is the sum."""

    weights: float
    kv_cache: float
    workspace: float
    context: float
    communication: float

    @property
    def total(self) -> float:
        """All that is taken on the device."""
        return self.weights + self.kv_cache + self.workspace + self.context + self.communication

    def by_part(self) -> dict[str, float]:
        """The parts by name."""
        return {name: float(getattr(self, name)) for name in self.__dataclass_fields__}


def kv_bytes_per_sequence(decoder: Decoder, num_tokens: float, kv: KVFormat = "bf16") -> float:
    """Return the cache of one sequence of some tokens, over all devices.

    2 L k e values per token; with latent attention L (r + e_rope), whatever the heads; layers with a sliding window
    keep at most the window, and layers with a state keep that, however long the sequence is.

    >>> from economics.architecture.lookup import find_decoder
    >>> kv_bytes_per_sequence(find_decoder("llama-3.1-8b")[0], 1)
    131072.0
    >>> kv_bytes_per_sequence(find_decoder("deepseek-v3")[0], 1)
    70272.0
    """
    latent = decoder.latent
    width = latent.kv_rank + latent.rope_width + latent.index_width if latent else 2 * decoder.kv_heads * decoder.head
    full = decoder.attention_layers - decoder.num_window_layers
    seen = min(float(decoder.window), num_tokens) if decoder.window else num_tokens
    attended = full * num_tokens + decoder.num_window_layers * seen
    return kv_bytes(kv) * width * attended + state_bytes_per_sequence(decoder)


def read_bytes_per_sequence(decoder: Decoder, num_tokens: float, kv: KVFormat = "bf16") -> float:
    """Return what a step of decoding reads of a sequence's cache: all of it, but where the tokens are looked for first
    the keys of that search and what it found.

    >>> from economics.architecture.lookup import find_decoder
    >>> llama = find_decoder("llama-3.1-8b")[0]
    >>> read_bytes_per_sequence(llama, 100) == kv_bytes_per_sequence(llama, 100)
    True
    """
    latent = decoder.latent
    if latent is None or not latent.index_heads:
        return kv_bytes_per_sequence(decoder, num_tokens, kv)
    found = min(float(latent.index_tokens), num_tokens) * (latent.kv_rank + latent.rope_width)
    return kv_bytes(kv) * decoder.attention_layers * (found + num_tokens * latent.index_width)


def state_bytes_per_sequence(decoder: Decoder) -> float:
    """Return the states of one sequence, over all devices, in bf16; 0 where every layer attends.

    >>> from economics.architecture.lookup import find_decoder
    >>> state_bytes_per_sequence(find_decoder("llama-3.1-8b")[0])
    0.0
    """
    return 2.0 * decoder.num_state_layers * decoder.state.state_numbers if decoder.state else 0.0


def kv_ranks(decoder: Decoder, tensor: int) -> int:
    """Return among how many tensor ranks the cache is divided: at most the key-value heads; latent caches are whole.

    >>> from economics.architecture.lookup import find_decoder
    >>> kv_ranks(find_decoder("llama-3.1-8b")[0], 16), kv_ranks(find_decoder("deepseek-v3")[0], 8)
    (8, 1)
    """
    return 1 if decoder.latent else min(tensor, decoder.kv_heads)


def stored_weight_bytes(decoder: Decoder, weights: WeightFormat) -> float:
    """Return the bytes of a model's weights: matrices in their format, tables and vectors in bf16."""
    counted = decoder.parameters()
    table = decoder.vocabulary_size * decoder.table_width
    head = 0 if decoder.tied_embeddings else table
    in_layers = counted.matmul - table
    quantised = in_layers + head
    return quantised * weight_bits(weights) / 8.0 + (counted.total - quantised) * 2.0


def serving_memory(
    decoder: Decoder,
    *,
    layout: Layout,
    batch: float,
    tokens_per_sequence: float,
    weights: WeightFormat = "bf16",
    kv: KVFormat = "bf16",
    prefill_tokens: float = 8192.0,
    unified_memory: bool = False,
    more_weight_bytes: float = 0.0,
) -> ServingMemory:
    """Return the memory of one device of a replica.

    Weights are divided by tensor and pipeline ranks (experts also by expert ranks), caches by the ranks that hold
    different heads, the batch by data ranks. The workspace holds the widest activations of a chunk of prefill and the
    batch's logits.

    Parameters
    ----------
    more_weight_bytes : weights beside the decoder's, over all devices (an encoder's)

    >>> from economics.architecture.lookup import find_decoder
    >>> memory = serving_memory(find_decoder("llama-2-7b")[0], layout=Layout(), batch=1, tokens_per_sequence=2048)
    >>> 14e9 < memory.total < 18e9
    True
    """
    ranks = layout.tensor * layout.pipeline
    stored = stored_weight_bytes(decoder, weights) + more_weight_bytes
    if layout.expert > 1 and decoder.mixture:
        experts = decoder.parameters().by_part.get("experts", 0) * weight_bits(weights) / 8.0
        stored = stored - experts + experts / layout.expert
    divided = kv_ranks(decoder, layout.tensor) * layout.pipeline * layout.data * layout.context
    cache = batch * kv_bytes_per_sequence(decoder, tokens_per_sequence, kv) / divided
    width = max(decoder.feed_forward_width, decoder.mixture.expert_width * decoder.mixture.experts_per_token
                if decoder.mixture else 0)  # fmt: skip
    workspace = prefill_tokens * 2.0 * (2.0 * width / layout.tensor + 4.0 * decoder.model_width)
    workspace += 4.0 * batch / layout.data * decoder.vocabulary_size / layout.tensor
    return ServingMemory(
        weights=stored / ranks,
        kv_cache=cache,
        workspace=workspace,
        context=0.0 if unified_memory else DEVICE_CONTEXT_BYTES.value,
        communication=COMMUNICATION_BUFFER_BYTES.value if layout.num_accelerators > 1 else 0.0,
    )


def largest_batch(
    decoder: Decoder,
    accelerator: Accelerator,
    *,
    layout: Layout,
    tokens_per_sequence: float,
    weights: WeightFormat = "bf16",
    kv: KVFormat = "bf16",
    limit: int = 65_536,
    more_weight_bytes: float = 0.0,
) -> int:
    """Return the most sequences that fit at full length; 0 when the weights alone do not.

    Memory is a straight line in the batch, so two points give the answer.

    >>> from economics.architecture.lookup import find_decoder
    >>> from economics.catalogue.accelerators import find_accelerator
    >>> largest_batch(find_decoder("llama-2-70b")[0], find_accelerator("a100"), layout=Layout(), tokens_per_sequence=1)
    0
    """

    def total(batch: int) -> float:
        return serving_memory(
            decoder, layout=layout, batch=batch, tokens_per_sequence=tokens_per_sequence, weights=weights, kv=kv,
            prefill_tokens=min(8192.0, max(1.0, tokens_per_sequence)), unified_memory=accelerator.kind != "accelerator",
            more_weight_bytes=more_weight_bytes,
        ).total  # fmt: skip

    fixed, each = total(0), total(1) - total(0)
    if not accelerator.memory_bytes:  # memory of a machine that takes as much as is put in: unknown
        return limit
    room = accelerator.memory_bytes - fixed
    if room < each:
        return 0
    return max(0, min(limit, floor(room / each)))
