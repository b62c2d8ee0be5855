"""GPT: a decoder-only Transformer, in two forms.

    classic   learned positions, LayerNorm with bias, GELU, biases everywhere (GPT-2 and GPT-3)
    modern    rotary positions, RMSNorm, SwiGLU, grouped queries, no biases, optional QK-norm (Llama, Qwen)

Both normalise before each part and add the part's output to the residual stream. Sizes in comments:
B batch, T tokens, D model width, F feed-forward width, V vocabulary,
H query heads, G key and value heads, K head width.

Sources: Radford et al. 2019 (GPT-2), Brown et al. 2020 (GPT-3), Touvron et al. 2023 (Llama), Su et al. 2021 (RoPE).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint as recompute

from trainer.models.attention import causal_attention
from trainer.models.gpt.decoder import Decoder
from trainer.models.gpt.spec import GPTSpec
from trainer.models.layers import FeedForward, Rotation, count_by_part, rotate, rotation_table

EMBEDDING_STD = 0.02


@dataclass(frozen=True, slots=True)
class Packed:
    """Rows that hold several documents: no token looks into another document, and each begins at position 0."""

    documents: Tensor
    """Number of the document that each token belongs to (B, T), within its row."""

    positions: Tensor
    """Place of each token in its document (B, T)."""

    def mask(self) -> Tensor:
        """Return what may be looked at (B, 1, T, T)."""
        same = self.documents[:, :, None] == self.documents[:, None, :]  # (B, T, T)
        return (same & causal_mask(same.size(1), same.size(2), same.device))[:, None]


class Attention(nn.Module):
    """Each token gathers from those before it what its queries ask for."""

    def __init__(self, spec: GPTSpec, layer: int, dropout: float) -> None:
        super().__init__()
        self.layer = layer
        self.num_heads, self.num_kv_heads, self.head_width = (
            spec.num_heads,
            spec.num_key_value_heads,
            spec.width_of_head,
        )
        self.dropout = dropout
        bias = spec.form == "classic"
        query_width, kv_width = self.num_heads * self.head_width, self.num_kv_heads * self.head_width
        self.qkv = nn.Linear(spec.model_width, query_width + 2 * kv_width, bias=bias or spec.qkv_bias)
        self.out = nn.Linear(query_width, spec.model_width, bias=bias)
        self.query_norm = nn.RMSNorm(self.head_width, eps=spec.norm_eps) if spec.qk_norm else nn.Identity()
        self.key_norm = nn.RMSNorm(self.head_width, eps=spec.norm_eps) if spec.qk_norm else nn.Identity()

    def forward(self, x: Tensor, rotation: Rotation, packed_mask: Tensor | None = None) -> Tensor:
        q, k, v = self.project(x, rotation)  # (B, H, T, K), (B, G, T, K) twice
        dropout = self.dropout if self.training else 0.0
        if packed_mask is not None:
            shares_heads = self.num_kv_heads != self.num_heads
            y = F.scaled_dot_product_attention(
                q, k, v, attn_mask=packed_mask, dropout_p=dropout, enable_gqa=shares_heads
            )
        else:
            y = causal_attention(q, k, v, dropout=dropout)  # (B, H, T, K)
        written: Tensor = self.out(y.transpose(1, 2).flatten(2))  # (B, T, D)
        return written

    def project(self, x: Tensor, rotation: Rotation) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries (B, H, T, K), keys and values (B, G, T, K) of the tokens."""
        B, T, _ = x.shape
        heads = self.qkv(x).view(B, T, -1, self.head_width).transpose(1, 2)  # (B, H + 2G, T, K)
        q, k, v = heads.split([self.num_heads, self.num_kv_heads, self.num_kv_heads], dim=1)
        q, k = self.query_norm(q), self.key_norm(k)
        if rotation is not None:
            q, k = rotate(q, rotation), rotate(k, rotation)
        return q, k, v

    def weights(self, x: Tensor, rotation: Rotation) -> Tensor:
        """Return how much each token looks at each earlier one (B, H, T, T): for people to look at, not for training."""
        q, k, _ = self.project(x, rotation)
        k = k.repeat_interleave(self.num_heads // self.num_kv_heads, dim=1)  # (B, H, T, K)
        scores = q @ k.transpose(-2, -1) / math.sqrt(self.head_width)  # (B, H, T, T)
        allowed = causal_mask(q.size(2), k.size(2), x.device)
        return scores.float().masked_fill(~allowed, float("-inf")).softmax(dim=-1)


class Block(nn.Module):
    """Attention, then feed-forward; each reads a normalised copy of the residual stream and adds to it."""

    def __init__(self, spec: GPTSpec, layer: int, dropout: float) -> None:
        super().__init__()
        self.attention_norm = make_norm(spec)
        self.attention = Attention(spec, layer, dropout)
        self.feed_forward_norm = make_norm(spec)
        self.feed_forward = FeedForward(
            width=spec.model_width,
            inner_width=spec.width_of_feed_forward,
            activation="silu" if spec.form == "modern" else "gelu_tanh",
            gated=spec.form == "modern",
            bias=spec.form == "classic",
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, rotation: Rotation, packed_mask: Tensor | None = None) -> Tensor:
        x = x + self.dropout(self.attention(self.attention_norm(x), rotation, packed_mask))
        out: Tensor = x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))
        return out


class GPT(nn.Module):
    """Tokens (B, T) in, logits (B, T, V) of the next token out."""

    def __init__(self, spec: GPTSpec, *, vocab_size: int, dropout: float = 0.0, recompute_blocks: bool = False) -> None:
        super().__init__()
        self.spec, self.vocab_size, self.recompute_blocks = spec, vocab_size, recompute_blocks
        self.learning_block: Callable[[nn.Module, Tensor, Rotation], Tensor] = run_block
        """How a block is run in training; compiled once, it serves all blocks."""
        self.token_embedding = nn.Embedding(vocab_size, spec.model_width)
        self.position_embedding = (
            nn.Embedding(spec.context_length, spec.model_width) if spec.form == "classic" else None
        )
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList([Block(spec, layer, dropout) for layer in range(spec.num_layers)])
        self.norm = make_norm(spec)
        # when tied, the output reads the embedding's own matrix: there is no second parameter to save or to count
        self.head = None if spec.tied_embeddings else nn.Linear(spec.model_width, vocab_size, bias=False)
        cosines, sines = rotation_table(
            head_width=spec.width_of_head, length=spec.context_length, theta=spec.rope_theta
        )
        self.cosines: Tensor
        self.sines: Tensor
        self.register_buffer("cosines", cosines, persistent=False)  # (context, K)
        self.register_buffer("sines", sines, persistent=False)  # (context, K)
        self.init_weights()

    @torch.no_grad()
    def init_weights(self) -> None:
        """Draw the weights: narrower for wider models, and for what writes to the residual stream narrower with depth.

        The matrices' deviation sqrt(2 / 5D) is that of Nguyen and Salazar 2019 (0.023 at D = 768, close to GPT-2's 0.02);
        dividing the residual writers by sqrt(2 L) keeps the stream's variance the same at any depth (GPT-2).
        """
        std = math.sqrt(2 / (5 * self.spec.model_width))
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                parameter.zero_()
            elif "norm" in name:
                parameter.fill_(1.0)
            elif "embedding" in name:
                parameter.normal_(std=EMBEDDING_STD)
            elif name.endswith(("out.weight", "down.weight")):
                parameter.normal_(std=std / math.sqrt(2 * self.spec.num_layers))
            else:
                parameter.normal_(std=std)

    def forward(self, tokens: Tensor, packed: Packed | None = None) -> Tensor:
        return self.to_logits(self.hidden(tokens, packed))  # (B, T, V)

    def hidden(self, tokens: Tensor, packed: Packed | None = None) -> Tensor:
        """Return the normalised residual stream behind the last block (B, T, D)."""
        if packed is not None:
            return self.packed_hidden(tokens, packed)
        x = self.embed(tokens)  # (B, T, D)
        rotation = self.rotation(tokens.size(1))
        for block in self.blocks:
            if not self.training:
                x = block(x, rotation)
            elif self.recompute_blocks:
                x = recompute(self.learning_block, block, x, rotation, use_reentrant=False)
            else:
                x = self.learning_block(block, x, rotation)
        normalised: Tensor = self.norm(x)  # (B, T, D)
        return normalised

    def packed_hidden(self, tokens: Tensor, packed: Packed) -> Tensor:
        """Return the same of rows that hold several documents, as if each document were alone."""
        x, rotation = self.embed(tokens, packed.positions), self.rotation(tokens.size(1), packed.positions)
        mask = packed.mask()
        for block in self.blocks:
            if self.recompute_blocks and self.training:
                x = recompute(block, x, rotation, mask, use_reentrant=False)
            else:
                x = block(x, rotation, mask)
        normalised: Tensor = self.norm(x)  # (B, T, D)
        return normalised

    def to_logits(self, x: Tensor) -> Tensor:
        """Return the logits (B, T, V) of the hidden state (B, T, D)."""
        return F.linear(x, self.output_weight)

    @property
    def output_weight(self) -> Tensor:
        """What the hidden state is multiplied with for the logits (V, D)."""
        return self.token_embedding.weight if self.head is None else self.head.weight

    def embed(self, tokens: Tensor, positions: Tensor | None = None) -> Tensor:
        """Return the tokens as vectors (B, T, D); `positions` (B, T) where they do not count from 0."""
        count = tokens.size(1)
        assert count <= self.spec.context_length, f"{count} tokens do not fit into {self.spec.context_length}"
        x = self.token_embedding(tokens)
        if self.position_embedding is not None:
            x = x + self.position_embedding.weight[slice(count) if positions is None else positions]
        embedded: Tensor = self.dropout(x)
        return embedded

    def rotation(self, count: int, positions: Tensor | None = None) -> Rotation:
        """Return cosines and sines (T, K) of the positions, or (B, 1, T, K) where rows differ; None for the classic form."""
        if self.spec.form == "classic":
            return None
        if positions is not None:
            return self.cosines[positions].unsqueeze(1), self.sines[positions].unsqueeze(1)
        return self.cosines[:count], self.sines[:count]  # (T, K) each

    @torch.no_grad()
    def attention_map(self, tokens: Tensor, *, layer: int) -> Tensor:
        """Return what each head of a layer looks at (B, H, T, T). Only the blocks up to it are computed."""
        x, rotation = self.embed(tokens), self.rotation(tokens.size(1))
        for block in self.blocks[:layer]:
            x = block(x, rotation)
        block = self.blocks[layer]
        assert isinstance(block, Block)
        return block.attention.weights(block.attention_norm(x), rotation)

    @property
    def num_layers(self) -> int:
        return self.spec.num_layers

    @property
    def context_length(self) -> int:
        return self.spec.context_length

    def decoder(self, dtype: torch.dtype = torch.float32) -> Decoder:
        """Return the model as it writes, in numbers of some type."""
        return Decoder(self, dtype)

    def parameters_by_part(self) -> dict[str, int]:
        """Return how many parameters each part has; the sum is the model."""
        return count_by_part(self, part_of)


def part_of(name: str) -> str:
    """Return the part that a parameter of that name belongs to."""
    if "norm" in name:
        return "norm"
    for piece, part in (
        ("token_embedding", "embedding"),
        ("position_embedding", "position"),
        ("feed_forward", "feed_forward"),
        ("attention", "attention"),
    ):
        if piece in name:
            return part
    return "head"


def run_block(block: nn.Module, x: Tensor, rotation: Rotation) -> Tensor:
    out: Tensor = block(x, rotation)
    return out


def make_norm(spec: GPTSpec) -> nn.Module:
    if spec.form == "classic":
        return nn.LayerNorm(spec.model_width, eps=spec.norm_eps)
    return nn.RMSNorm(spec.model_width, eps=spec.norm_eps)


def causal_mask(num_queries: int, num_keys: int, device: torch.device) -> Tensor:
    """Return what may be looked at (T, S): the queries are the last of the keys' positions."""
    ones = torch.ones(num_queries, num_keys, dtype=torch.bool, device=device)
    return ones.tril(diagonal=num_keys - num_queries)
