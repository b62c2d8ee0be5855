"""The sizes and settings of a decoder-only Transformer in all its usual forms.

One frozen dataclass describes GPT-2 and GPT-3 (learned positions, LayerNorm, biases), Llama, Mistral, Qwen and
Gemma (RMSNorm, gated feed-forward, grouped queries, norms on queries and keys), mixtures of experts (Mixtral,
DeepSeek, Qwen-MoE), multi-head latent attention (DeepSeek), and layers with a state in place of attention (Mamba, Jamba,
Nemotron-H, Qwen3-Next).

Notation: L layers, d model width, h query heads, k key-value heads, e head width, f feed-forward width, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from economics.architecture.state_layers import StateLayer
from economics.errors import InputError


@dataclass(frozen=True, kw_only=True, slots=True)
class Mixture:
    """Feed-forward parts of which each token uses a few (a mixture of experts)."""

    num_experts: int
    """Experts that exist in a layer, shared ones not counted."""

    experts_per_token: int
    """Experts that one token uses."""

    expert_width: int
    """Inner width of one expert."""

    shared_width: int = 0
    """Inner width of the experts that every token uses, together; 0: none."""

    shared_gate: bool = False
    """A learned scalar gate before the shared experts."""

    num_dense_layers: int = 0
    """Layers that have one dense feed-forward part (width `feed_forward_width`) in place of experts."""

    groups_per_token: int = 0
    """Groups of experts that one token may use, where routing is limited so that a token visits few nodes; 0: no limit."""

    router_bias: bool = False
    """The router has a bias per expert that is a parameter (not a buffer)."""

    def __post_init__(self) -> None:
        if not 1 <= self.experts_per_token <= self.num_experts:
            raise InputError("experts_per_token", self.experts_per_token, f"between 1 and {self.num_experts}")


@dataclass(frozen=True, kw_only=True, slots=True)
class LatentAttention:
    """Multi-head latent attention: keys and values are rebuilt from one narrow vector per token."""

    kv_rank: int
    """Width of the compressed keys and values; with `rope_width`, all that the cache stores."""

    query_rank: int
    """Width of the compressed queries; 0: queries are not compressed."""

    nope_width: int
    """Width of a head's part without position."""

    rope_width: int
    """Width of a head's rotary part, shared by all heads on the key side."""

    value_width: int
    """Width of a head's values."""

    index_heads: int = 0
    """Heads that look for the tokens worth attending to (sparse attention); 0: all are."""

    index_width: int = 0
    """Width of such a head, and of its key, which the cache stores too."""

    index_tokens: int = 0
    """Tokens that are attended to, at most."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DecoderShape:
    """What a decoder is made of; `economics.architecture.decoder.Decoder` also counts it."""

    num_layers: int
    model_width: int
    num_heads: int
    vocabulary_size: int
    feed_forward_width: int
    num_kv_heads: int = 0
    """Heads of keys and values; 0: as many as `num_heads`."""
    head_width: int = 0
    """Width of a head; 0: model width / heads. Not always that quotient: some families set it freely."""
    context_length: int = 2048
    """Most tokens seen at once; the rows of learned positions."""
    positions: Literal["learned", "rotary", "none"] = "rotary"
    """learned: a matrix of `context_length` rows; rotary and none (also linear biases): no parameters."""
    num_extra_positions: int = 0
    """Rows of the position matrix beyond `context_length`."""
    norm: Literal["rms", "layer"] = "rms"
    norm_bias: bool = True
    """LayerNorm has a bias (RMSNorm never has)."""
    norm_weight: bool = True
    """Norms have learned scales."""
    norms_per_layer: int = 2
    """2: before attention and before feed-forward; 1: one for both, in parallel; 4: also after each."""
    final_norm: bool = True
    embedding_norm: bool = False
    """A norm right after the embedding."""
    gated: bool = True
    """Feed-forward of three matrices (SwiGLU, GeGLU) instead of two."""
    qkv_bias: bool = False
    attention_output_bias: bool = False
    feed_forward_bias: bool = False
    expert_bias: bool = False
    activation_parameters: int = 0
    """Learned numbers of the activation function, per layer."""
    head_bias: bool = False
    embedding_width: int = 0
    """Width of the table (and of the output head) where it is not the model's: a matrix widens, another narrows; 0: the
    model's."""
    inner_norms: bool = False
    """Norms on what attention reads, before its output matrix, and on what the feed-forward part multiplies with its last."""
    tied_embeddings: bool = False
    """The output head uses the embedding's matrix."""
    qk_norm: Literal["none", "head", "full"] = "none"
    """Norms on queries and keys: one vector for all heads (head), or over the whole projection (full)."""
    attention_sinks: bool = False
    """One learned logit per head that takes up unused attention."""
    mixture: Mixture | None = None
    latent: LatentAttention | None = None
    window: int = 0
    """Tokens that a layer with sliding-window attention looks back; 0: all."""
    num_window_layers: int = 0
    """Layers with the sliding window."""
    attention_gate: bool = False
    """A gate on what attention reads, as wide as the queries."""
    state: StateLayer | None = None
    """What stands in place of attention in some layers, or beside it."""
    num_state_layers: int = 0
    num_attention_layers: int | None = None
    """Layers with attention; None: those without a state."""
    num_feed_forward_layers: int | None = None
    """Layers with a feed-forward part, dense or a mixture; None: all."""
    causal: bool = True
    """Tokens see only those before them; false: an encoder, written as a decoder for its time and memory."""
    name: str = ""

    def __post_init__(self) -> None:
        for field in ("num_layers", "model_width", "num_heads", "vocabulary_size", "context_length"):
            if getattr(self, field) < 1:
                raise InputError(field, getattr(self, field), "at least 1")
        if not self.head_width and self.latent is None and self.model_width % self.num_heads:
            raise InputError("num_heads", self.num_heads, f"a divisor of model_width ({self.model_width})")
        if self.num_kv_heads and self.num_heads % self.num_kv_heads:
            raise InputError("num_kv_heads", self.num_kv_heads, f"a divisor of num_heads ({self.num_heads})")

    @property
    def kind(self) -> str:
        """Always decoder."""
        return "decoder"

    @property
    def kv_heads(self) -> int:
        """Key-value heads, resolved."""
        return self.num_kv_heads or self.num_heads

    @property
    def head(self) -> int:
        """Head width, resolved (of queries and keys)."""
        if self.latent:
            return self.latent.nope_width + self.latent.rope_width
        return self.head_width or self.model_width // self.num_heads

    @property
    def value_head(self) -> int:
        """Head width of the values."""
        return self.latent.value_width if self.latent else self.head

    @property
    def table_width(self) -> int:
        """Width of the table, resolved."""
        return self.embedding_width or self.model_width

    @property
    def widening(self) -> int:
        """Parameters in the matrices between a table of another width and the layers."""
        return 0 if self.table_width == self.model_width else 2 * self.table_width * self.model_width

    @property
    def attention_layers(self) -> int:
        """Layers with attention, resolved."""
        given = self.num_attention_layers
        return self.num_layers - self.num_state_layers if given is None else given

    @property
    def feed_forward_layers(self) -> int:
        """Layers with a feed-forward part, resolved."""
        given = self.num_feed_forward_layers
        return self.num_layers if given is None else given

    @property
    def num_expert_layers(self) -> int:
        """Layers whose feed-forward part is a mixture."""
        return self.feed_forward_layers - self.mixture.num_dense_layers if self.mixture else 0

    @property
    def num_dense_layers(self) -> int:
        """Layers whose feed-forward part is dense."""
        return self.feed_forward_layers - self.num_expert_layers
