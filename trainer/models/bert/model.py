"""BERT: an encoder-only Transformer, in two forms, and the heads that its objectives need.

    original   learned positions and segments, LayerNorm behind each part, GELU, biases everywhere (BERT, RoBERTa, MiniLM)
    modern     rotary positions, LayerNorm before each part, GeGLU, no biases (as ModernBERT)

Sizes in comments: B batch, T tokens, D model width, F feed-forward width, V vocabulary, H heads, K head width, C labels.

Sources: Devlin et al. 2018 (BERT), Liu et al. 2019 (RoBERTa), Su et al. 2021 (RoPE), Shazeer 2020 (GeGLU),
Warner et al. 2024 (ModernBERT).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint as recompute

from trainer.models.bert.spec import BertSpec
from trainer.models.layers import FeedForward, Rotation, count_by_part, rotate, rotation_table

INIT_STD = 0.02


class Attention(nn.Module):
    """Each token gathers from all others what its queries ask for."""

    def __init__(self, spec: BertSpec, dropout: float) -> None:
        super().__init__()
        self.num_heads, self.head_width, self.dropout = spec.num_heads, spec.width_of_head, dropout
        bias = spec.form == "original"
        inner_width = self.num_heads * self.head_width
        self.qkv = nn.Linear(spec.model_width, 3 * inner_width, bias=bias)
        self.out = nn.Linear(inner_width, spec.model_width, bias=bias)

    def forward(self, x: Tensor, mask: Tensor | None, rotation: Rotation) -> Tensor:
        q, k, v = self.project(x, rotation)  # (B, H, T, K) each
        dropout = self.dropout if self.training else 0.0
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=dropout)  # (B, H, T, K)
        written: Tensor = self.out(y.transpose(1, 2).flatten(2))  # (B, T, D)
        return written

    def project(self, x: Tensor, rotation: Rotation) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values (B, H, T, K) of the tokens."""
        B, T, _ = x.shape
        q, k, v = self.qkv(x).view(B, T, 3, self.num_heads, self.head_width).permute(2, 0, 3, 1, 4)
        if rotation is not None:
            q, k = rotate(q, rotation), rotate(k, rotation)
        return q, k, v

    def weights(self, x: Tensor, mask: Tensor | None, rotation: Rotation) -> Tensor:
        """Return how much each token looks at each other (B, H, T, T): for people to look at, not for training."""
        q, k, _ = self.project(x, rotation)
        scores = (q @ k.transpose(-2, -1) / math.sqrt(self.head_width)).float()  # (B, H, T, T)
        if mask is not None:
            scores = scores.masked_fill(~mask, float("-inf"))
        return scores.softmax(dim=-1)


class Block(nn.Module):
    """Attention, then feed-forward. original: the sum is normalised. modern: what each part reads is normalised."""

    def __init__(self, spec: BertSpec, dropout: float) -> None:
        super().__init__()
        self.norm_first = spec.form == "modern"
        self.attention_norm = make_norm(spec)
        self.attention = Attention(spec, dropout)
        self.feed_forward_norm = make_norm(spec)
        self.feed_forward = FeedForward(
            width=spec.model_width,
            inner_width=spec.width_of_feed_forward,
            activation="gelu",
            gated=spec.form == "modern",
            bias=spec.form == "original",
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor | None, rotation: Rotation) -> Tensor:
        if self.norm_first:
            x = x + self.dropout(self.attention(self.attention_norm(x), mask, rotation))
            read: Tensor = x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))
            return read
        x = self.attention_norm(x + self.dropout(self.attention(x, mask, rotation)))
        out: Tensor = self.feed_forward_norm(x + self.dropout(self.feed_forward(x)))
        return out


class MaskedHead(nn.Module):
    """Logits of hidden tokens: dense, GELU, norm, then the embedding's own matrix with a bias."""

    def __init__(self, spec: BertSpec, vocab_size: int) -> None:
        super().__init__()
        self.dense = nn.Linear(spec.model_width, spec.model_width)
        self.norm = nn.LayerNorm(spec.model_width, eps=spec.norm_eps)
        self.bias = nn.Parameter(torch.zeros(vocab_size))

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        return F.linear(self.norm(F.gelu(self.dense(x))), embedding, self.bias)


class Bert(nn.Module):
    """Tokens (B, T) in; `encode` gives a vector for each, `pool` one for the text, the heads what the objective needs."""

    def __init__(
        self,
        spec: BertSpec,
        *,
        vocab_size: int,
        num_outputs: int = 0,
        dropout: float = 0.0,
        recompute_blocks: bool = False,
    ) -> None:
        super().__init__()
        self.spec, self.vocab_size, self.recompute_blocks = spec, vocab_size, recompute_blocks
        width, is_original = spec.model_width, spec.form == "original"
        self.token_embedding = nn.Embedding(vocab_size, width)
        rows = spec.context_length + spec.num_unused_positions
        self.position_embedding = nn.Embedding(rows, width) if is_original else None
        self.type_embedding = nn.Embedding(spec.num_types, width) if is_original and spec.num_types else None
        # original: behind the embeddings; modern: behind the last block
        self.norm = make_norm(spec)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList([Block(spec, dropout) for _ in range(spec.num_layers)])
        self.pooler = nn.Linear(width, width) if spec.has_pooler else None
        self.masked_head = MaskedHead(spec, vocab_size) if spec.objective == "masked" else None
        self.head = nn.Linear(width, num_outputs) if num_outputs else None
        self.cosines: Tensor
        self.sines: Tensor
        rotated_width = spec.width_of_head if spec.form == "modern" else 0
        cosines, sines = rotation_table(head_width=rotated_width, length=spec.context_length, theta=spec.rope_theta)
        self.register_buffer("cosines", cosines, persistent=False)  # (context, K)
        self.register_buffer("sines", sines, persistent=False)  # (context, K)
        self.init_weights()

    @torch.no_grad()
    def init_weights(self) -> None:
        """Draw the weights as BERT does: normal with deviation 0.02, norms 1, biases 0."""
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                parameter.zero_()
            elif "norm" in name:
                parameter.fill_(1.0)
            else:
                parameter.normal_(std=INIT_STD)

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.encode(tokens, mask)

    def encode(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return a vector of each token (B, T, D). `mask` (B, T) says which tokens are there; None: all."""
        return self.encode_embedded(self.embed(tokens), mask)

    def encode_embedded(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the vectors (B, T, D) behind the last block of embedded tokens (B, T, D)."""
        allowed, rotation = allowed_of(mask), self.rotation(x.size(1))
        for block in self.blocks:
            if self.recompute_blocks and self.training:
                x = recompute(block, x, allowed, rotation, use_reentrant=False)
            else:
                x = block(x, allowed, rotation)
        if self.spec.form == "modern":
            x = self.norm(x)
        return x

    def embed(self, tokens: Tensor) -> Tensor:
        """Return the tokens as vectors (B, T, D), as the first block reads them."""
        count = tokens.size(1)
        assert count <= self.spec.context_length, f"{count} tokens do not fit into {self.spec.context_length}"
        x = self.token_embedding(tokens)
        if self.position_embedding is not None:
            first = self.spec.num_unused_positions
            x = x + self.position_embedding.weight[first : first + count]
        if self.type_embedding is not None:
            x = x + self.type_embedding.weight[0]
        if self.spec.form == "original":
            x = self.norm(x)
        embedded: Tensor = self.dropout(x)
        return embedded

    def pool(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Return one vector a text (B, D) of its tokens' (B, T, D)."""
        if self.spec.pooling == "first":
            first = x[:, 0]
            return first if self.pooler is None else torch.tanh(self.pooler(first))
        if mask is None:
            return x.mean(dim=1)
        weights = mask.unsqueeze(-1).to(x.dtype)
        return (x * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)

    def classify(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the logits of each text's labels (B, C)."""
        assert self.head is not None
        logits: Tensor = self.head(self.dropout(self.pool(self.encode(tokens, mask), mask)))
        return logits

    def tag(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the logits of each token's tag (B, T, C)."""
        assert self.head is not None
        logits: Tensor = self.head(self.dropout(self.encode(tokens, mask)))
        return logits

    def vector(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return a vector of length 1 for each text (B, D)."""
        return F.normalize(self.pool(self.encode(tokens, mask), mask).float(), dim=-1)

    def foretell(self, x: Tensor) -> Tensor:
        """Return the logits of hidden tokens (N, V) of their vectors (N, D)."""
        assert self.masked_head is not None
        logits: Tensor = self.masked_head(x, self.token_embedding.weight)
        return logits

    @torch.no_grad()
    def attention_map(self, tokens: Tensor, *, layer: int) -> Tensor:
        """Return what each head of a layer looks at (B, H, T, T). Only the blocks up to it are computed."""
        x, rotation = self.embed(tokens), self.rotation(tokens.size(1))
        for block in self.blocks[:layer]:
            x = block(x, None, rotation)
        block = self.blocks[layer]
        assert isinstance(block, Block)
        return block.attention.weights(block.attention_norm(x) if block.norm_first else x, None, rotation)

    def rotation(self, count: int) -> Rotation:
        """Return cosines and sines (T, K) of the positions; None for the original form."""
        return None if self.spec.form == "original" else (self.cosines[:count], self.sines[:count])

    @property
    def num_layers(self) -> int:
        return self.spec.num_layers

    @property
    def context_length(self) -> int:
        return self.spec.context_length

    def parameters_by_part(self) -> dict[str, int]:
        """Return how many parameters each part has; the sum is the model."""
        return count_by_part(self, part_of)


def part_of(name: str) -> str:
    """Return the part that a parameter of that name belongs to."""
    for piece, part in (
        ("masked_head", "head"),
        ("head", "head"),
        ("norm", "norm"),
        ("position_embedding", "position"),
        ("embedding", "embedding"),
        ("feed_forward", "feed_forward"),
        ("attention", "attention"),
    ):
        if piece in name:
            return part
    return "pooler"


def make_norm(spec: BertSpec) -> nn.LayerNorm:
    return nn.LayerNorm(spec.model_width, eps=spec.norm_eps, bias=spec.form == "original")


def allowed_of(mask: Tensor | None) -> Tensor | None:
    """Return which tokens may be looked at (B, 1, 1, T), from which are there (B, T)."""
    return None if mask is None else mask[:, None, None, :]
