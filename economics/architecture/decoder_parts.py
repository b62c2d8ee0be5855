"""Counts of a decoder's parts. Small additive counts: the total is their sum and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from economics.architecture.base import Parameters
from economics.architecture.decoder_shape import DecoderShape


@dataclass(frozen=True, kw_only=True, slots=True)
class Matmul:
    """One weight matrix of a layer, as a token meets it."""

    name: str
    rows: int
    """Width of the input."""
    columns: int
    """Width of the output."""
    part: str
    """attention, feed_forward, experts, shared_experts, router or output_head."""
    split: str = "columns"
    """columns, rows or none: the side that tensor parallelism cuts."""
    uses_per_token: int = 1
    """How many matrices of this shape one token passes through (experts: the chosen ones)."""
    copies: int = 1
    """How many of them are stored."""

    @property
    def stored(self) -> int:
        """Parameters stored."""
        return self.rows * self.columns * self.copies

    @property
    def active(self) -> int:
        """Parameters one token meets."""
        return self.rows * self.columns * self.uses_per_token


@lru_cache(maxsize=4096)
def attention_matmuls(decoder: DecoderShape) -> tuple[Matmul, ...]:
    """Return the projections of one attention layer."""
    d, h = decoder.model_width, decoder.num_heads
    latent = decoder.latent
    if latent is None:
        q, kv = h * decoder.head, decoder.kv_heads * decoder.head
        gate = (Matmul(name="attention_gate", rows=d, columns=q, part="attention"),) if decoder.attention_gate else ()
        return (
            Matmul(name="query", rows=d, columns=q, part="attention"),
            *gate,
            Matmul(name="key", rows=d, columns=kv, part="attention"),
            Matmul(name="value", rows=d, columns=kv, part="attention"),
            Matmul(name="output", rows=q, columns=d, part="attention", split="rows"),
        )
    q = h * decoder.head
    queries: tuple[Matmul, ...] = (Matmul(name="query", rows=d, columns=q, part="attention"),)
    if latent.query_rank:
        queries = (
            Matmul(name="query_down", rows=d, columns=latent.query_rank, part="attention", split="none"),
            Matmul(name="query_up", rows=latent.query_rank, columns=q, part="attention"),
        )
    up = h * (latent.nope_width + latent.value_width)
    n, e = latent.index_heads, latent.index_width
    index = (
        Matmul(name="index_query", rows=latent.query_rank or d, columns=n * e, part="attention", split="none"),
        Matmul(name="index_key", rows=d, columns=e, part="attention", split="none"),
        Matmul(name="index_weight", rows=d, columns=n, part="attention", split="none"),
    )
    return (
        *queries,
        *(index if n else ()),
        Matmul(name="kv_down", rows=d, columns=latent.kv_rank + latent.rope_width, part="attention", split="none"),
        Matmul(name="kv_up", rows=latent.kv_rank, columns=up, part="attention"),
        Matmul(name="output", rows=h * latent.value_width, columns=d, part="attention", split="rows"),
    )


@lru_cache(maxsize=4096)
def state_matmuls(decoder: DecoderShape) -> tuple[Matmul, ...]:
    """Return the matrices of the part that carries a state, where a decoder has one."""
    if decoder.state is None:
        return ()
    sides = {"state_out": "rows", "state_select": "rows"}
    return tuple(
        Matmul(name=name, rows=rows, columns=columns, part="state", split=sides.get(name, "columns"))
        for name, rows, columns in decoder.state.matrices(decoder.model_width)
    )


def _feed_forward(decoder: DecoderShape, width: int, part: str, uses: int = 1, copies: int = 1) -> tuple[Matmul, ...]:
    d = decoder.model_width
    into = ("gate", "up") if decoder.gated else ("up",)
    return (
        *(Matmul(name=name, rows=d, columns=width, part=part, uses_per_token=uses, copies=copies) for name in into),
        Matmul(name="down", rows=width, columns=d, part=part, split="rows", uses_per_token=uses, copies=copies),
    )


@lru_cache(maxsize=4096)
def dense_feed_forward_matmuls(decoder: DecoderShape) -> tuple[Matmul, ...]:
    """Return the matrices of a dense feed-forward part."""
    return _feed_forward(decoder, decoder.feed_forward_width, "feed_forward")


@lru_cache(maxsize=4096)
def expert_matmuls(decoder: DecoderShape) -> tuple[Matmul, ...]:
    """Return the matrices of a mixture layer: experts, shared experts, router."""
    mixture = decoder.mixture
    if mixture is None:
        return ()
    d = decoder.model_width
    experts = _feed_forward(decoder, mixture.expert_width, "experts", mixture.experts_per_token, mixture.num_experts)
    shared = _feed_forward(decoder, mixture.shared_width, "shared_experts") if mixture.shared_width else ()
    gate = (Matmul(name="shared_gate", rows=d, columns=1, part="router", split="none"),) if mixture.shared_gate else ()
    router = Matmul(name="router", rows=d, columns=mixture.num_experts, part="router", split="none")
    return (*experts, *shared, *gate, router)


def _attention_vectors(decoder: DecoderShape) -> int:
    """Biases, sinks and inner norms of one attention layer."""
    d, h, k, e = decoder.model_width, decoder.num_heads, decoder.kv_heads, decoder.head
    count = d if decoder.attention_output_bias else 0
    if decoder.attention_sinks:
        count += h
    if decoder.inner_norms:
        count += h * decoder.value_head
    if decoder.latent:  # norms on what is compressed; biases, where there are any, on the matrices that compress
        latent = decoder.latent
        biases = latent.kv_rank + latent.rope_width + latent.query_rank if decoder.qkv_bias else 0
        index_norm = 2 * latent.index_width if latent.index_heads else 0
        return count + latent.kv_rank + latent.query_rank + biases + index_norm
    if decoder.qkv_bias:
        count += (h + 2 * k) * e
    if decoder.qk_norm == "head":
        count += 2 * e * (2 if decoder.norm == "layer" and decoder.norm_bias else 1)
    elif decoder.qk_norm == "full":
        count += (h + k) * e
    return count


def norm_size(decoder: DecoderShape) -> int:
    """Parameters of one norm over the model width."""
    if not decoder.norm_weight:
        return 0
    return decoder.model_width * (2 if decoder.norm == "layer" and decoder.norm_bias else 1)


def _dense_vectors(decoder: DecoderShape) -> int:
    count = decoder.activation_parameters + (decoder.feed_forward_width if decoder.inner_norms else 0)
    if not decoder.feed_forward_bias:
        return count
    return count + decoder.feed_forward_width * (2 if decoder.gated else 1) + decoder.model_width


def _expert_vectors(decoder: DecoderShape) -> int:
    mixture = decoder.mixture
    if mixture is None or not decoder.expert_bias:
        return 0
    return mixture.expert_width * (2 if decoder.gated else 1) + decoder.model_width


def _shared_vectors(decoder: DecoderShape) -> int:
    mixture = decoder.mixture
    if mixture is None or not mixture.shared_width or not decoder.feed_forward_bias:
        return 0
    return mixture.shared_width * (2 if decoder.gated else 1) + decoder.model_width


@lru_cache(maxsize=4096)
def decoder_parameters(decoder: DecoderShape) -> Parameters:
    """Count a decoder's parameters by part.

    The parts: embedding, positions, attention, state, feed_forward, experts, shared_experts, router, norms, output_head.
    Biases belong to the part whose matrix they follow. Left out: buffers (rotary tables, masks, router
    corrections kept outside the optimizer) and heads for several tokens ahead.

    >>> from economics.architecture import modern_decoder
    >>> tiny = modern_decoder(num_layers=1, model_width=8, num_heads=2, vocabulary_size=16, feed_forward_width=24)
    >>> decoder_parameters(tiny).by_part
    {'embedding': 128, 'attention': 256, 'feed_forward': 576, 'norms': 24, 'output_head': 128}
    """
    num_layers, width, mixture = decoder.num_layers, decoder.model_width, decoder.mixture
    num_expert_layers, num_dense_layers = decoder.num_expert_layers, decoder.num_dense_layers
    num_attention, num_state = decoder.attention_layers, decoder.num_state_layers
    attention = attention_matmuls(decoder)
    dense = dense_feed_forward_matmuls(decoder)
    experts = expert_matmuls(decoder)
    table, widening = decoder.vocabulary_size * decoder.table_width, decoder.widening

    parts = {
        "embedding": table + widening,
        "positions": (decoder.context_length + decoder.num_extra_positions) * width
        if decoder.positions == "learned"
        else 0,
        "attention": num_attention * (sum(m.stored for m in attention) + _attention_vectors(decoder)),
        "state": num_state * decoder.state.parameters(width) if decoder.state else 0,
        "feed_forward": num_dense_layers * (sum(m.stored for m in dense) + _dense_vectors(decoder)),
        "experts": 0,
        "shared_experts": num_expert_layers
        * (sum(m.stored for m in experts if m.part == "shared_experts") + _shared_vectors(decoder)),
        "router": num_expert_layers * sum(m.stored for m in experts if m.part == "router"),
        "norms": norm_size(decoder)
        * (num_layers * decoder.norms_per_layer + int(decoder.final_norm) + int(decoder.embedding_norm)),
        "output_head": (0 if decoder.tied_embeddings else table)
        + (decoder.vocabulary_size if decoder.head_bias else 0),
    }
    active = dict(parts)
    if mixture:
        if mixture.router_bias:
            parts["router"] += num_expert_layers * mixture.num_experts
            active["router"] = parts["router"]
        stored = sum(m.stored for m in experts if m.part == "experts")
        chosen = sum(m.active for m in experts if m.part == "experts")
        vectors = _expert_vectors(decoder)
        parts["experts"] = num_expert_layers * (stored + vectors * mixture.num_experts)
        active["experts"] = num_expert_layers * (chosen + vectors * mixture.experts_per_token)
    state = num_state * sum(m.stored for m in state_matmuls(decoder))
    matmul = num_attention * sum(m.stored for m in attention) + num_dense_layers * sum(m.stored for m in dense) + state
    matmul += num_expert_layers * sum(m.stored for m in experts) + table + widening
    active_matmul = num_attention * sum(m.active for m in attention) + num_dense_layers * sum(m.active for m in dense)
    active_matmul += state
    active_matmul += num_expert_layers * sum(m.active for m in experts) + table + widening
    return Parameters(
        by_part={name: count for name, count in parts.items() if count},
        active_by_part={name: count for name, count in active.items() if count},
        matmul=matmul,
        active_matmul=active_matmul,
    )
