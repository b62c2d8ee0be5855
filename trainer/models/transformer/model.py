"""The Transformer of Vaswani et al. 2017: an encoder that sees the whole source, a decoder that looks at it as it writes.

Sizes in comments: B texts, S source tokens, T target tokens now, P target tokens so far, D model width, F feed-forward
width, V vocabulary, H heads, K head width. Blocks 0 to E - 1 are the encoder's, the rest the decoder's.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint as recompute

from trainer.models.layers import count_by_part
from trainer.models.transformer.spec import TransformerSpec


class Attention(nn.Module):
    """Queries of one text look at the keys of the same or of another."""

    def __init__(self, spec: TransformerSpec, dropout: float) -> None:
        super().__init__()
        self.num_heads, self.dropout = spec.num_heads, dropout
        self.query = nn.Linear(spec.model_width, spec.model_width)
        self.key_value = nn.Linear(spec.model_width, 2 * spec.model_width)
        self.out = nn.Linear(spec.model_width, spec.model_width)

    def heads(self, x: Tensor) -> Tensor:
        return x.view(x.size(0), x.size(1), self.num_heads, -1).transpose(1, 2)  # (B, H, T, K)

    def keys_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        keys, values = self.key_value(x).chunk(2, dim=-1)
        return self.heads(keys), self.heads(values)

    def forward(
        self, x: Tensor, keys: Tensor, values: Tensor, *, mask: Tensor | None = None, causal: bool = False
    ) -> Tensor:
        """Return what the tokens x (B, T, D) gather from keys and values (B, H, S, K)."""
        dropout = self.dropout if self.training else 0.0
        q = self.heads(self.query(x))  # (B, H, T, K)
        y = F.scaled_dot_product_attention(q, keys, values, attn_mask=mask, dropout_p=dropout, is_causal=causal)
        written: Tensor = self.out(y.transpose(1, 2).flatten(2))  # (B, T, D)
        return written


class FeedForward(nn.Module):
    def __init__(self, spec: TransformerSpec) -> None:
        super().__init__()
        self.up = nn.Linear(spec.model_width, spec.width_of_feed_forward)
        self.down = nn.Linear(spec.width_of_feed_forward, spec.model_width)

    def forward(self, x: Tensor) -> Tensor:
        written: Tensor = self.down(F.relu(self.up(x)))
        return written


class Residual(nn.Module):
    """x and what a part adds to it, normalised before the part or behind the sum."""

    def __init__(self, spec: TransformerSpec, dropout: float) -> None:
        super().__init__()
        self.is_post = spec.norms == "post"
        self.norm = nn.LayerNorm(spec.model_width)
        self.dropout = nn.Dropout(dropout)

    def before(self, x: Tensor) -> Tensor:
        return x if self.is_post else self.norm(x)

    def after(self, x: Tensor, added: Tensor) -> Tensor:
        total: Tensor = x + self.dropout(added)
        return self.norm(total) if self.is_post else total


class EncoderBlock(nn.Module):
    def __init__(self, spec: TransformerSpec, dropout: float) -> None:
        super().__init__()
        self.attention, self.attention_residual = Attention(spec, dropout), Residual(spec, dropout)
        self.feed_forward, self.feed_forward_residual = FeedForward(spec), Residual(spec, dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        seen = self.attention_residual.before(x)
        x = self.attention_residual.after(x, self.attention(seen, *self.attention.keys_values(seen), mask=mask))
        return self.feed_forward_residual.after(x, self.feed_forward(self.feed_forward_residual.before(x)))


class DecoderBlock(nn.Module):
    def __init__(self, spec: TransformerSpec, dropout: float) -> None:
        super().__init__()
        self.attention, self.attention_residual = Attention(spec, dropout), Residual(spec, dropout)
        self.cross_attention, self.cross_residual = Attention(spec, dropout), Residual(spec, dropout)
        self.feed_forward, self.feed_forward_residual = FeedForward(spec), Residual(spec, dropout)

    def forward(self, x: Tensor, memory: Tensor, mask: Tensor) -> Tensor:
        """Read all target tokens at once, each seeing those up to it."""
        seen = self.attention_residual.before(x)
        x = self.attention_residual.after(x, self.attention(seen, *self.attention.keys_values(seen), causal=True))
        return self.rest(x, *self.cross_attention.keys_values(memory), mask)

    def step(self, x: Tensor, cache: LayerCache, mask: Tensor) -> Tensor:
        """Read one more target token (B, 1, D); its keys and values join the cache."""
        seen = self.attention_residual.before(x)
        keys, values = cache.extend(*self.attention.keys_values(seen))
        x = self.attention_residual.after(x, self.attention(seen, keys, values))
        return self.rest(x, cache.cross_keys, cache.cross_values, mask)

    def rest(self, x: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> Tensor:
        seen = self.cross_residual.before(x)
        x = self.cross_residual.after(x, self.cross_attention(seen, keys, values, mask=mask))
        return self.feed_forward_residual.after(x, self.feed_forward(self.feed_forward_residual.before(x)))


class LayerCache:
    """Keys and values of one decoder layer: of the source, computed once, and of the target so far."""

    def __init__(self, cross_keys: Tensor, cross_values: Tensor) -> None:
        self.cross_keys, self.cross_values = cross_keys, cross_values  # (B, H, S, K) each
        self.keys: Tensor | None = None
        self.values: Tensor | None = None

    def extend(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Add those of the newest token (B, H, 1, K); return all so far (B, H, P, K)."""
        self.keys = keys if self.keys is None else torch.cat([self.keys, keys], dim=2)
        self.values = values if self.values is None else torch.cat([self.values, values], dim=2)
        return self.keys, self.values


class Decoding:
    """A batch of targets being written."""

    def __init__(self, layers: list[LayerCache], mask: Tensor) -> None:
        self.layers, self.mask, self.length = layers, mask, 0

    def keep(self, rows: Tensor) -> None:
        """Go on with these rows of the batch, in this order; one may occur more than once."""
        self.mask = self.mask[rows]
        for layer in self.layers:
            layer.cross_keys, layer.cross_values = layer.cross_keys[rows], layer.cross_values[rows]
        self.reorder(rows)

    def reorder(self, rows: Tensor) -> None:
        """Go on with the targets of these rows, where each row keeps its source."""
        for layer in self.layers:
            if layer.keys is not None and layer.values is not None:
                layer.keys, layer.values = layer.keys[rows], layer.values[rows]


class Transformer(nn.Module):
    """Source (B, S) and target so far (B, T) in, logits (B, T, V) of each next target token out."""

    def __init__(
        self, spec: TransformerSpec, *, vocab_size: int, dropout: float = 0.0, recompute_blocks: bool = False
    ) -> None:
        super().__init__()
        self.spec, self.vocab_size, self.recompute_blocks = spec, vocab_size, recompute_blocks
        self.token_embedding = nn.Embedding(vocab_size, spec.model_width)
        learned = spec.positions == "learned"
        self.source_position_embedding = nn.Embedding(spec.context_length, spec.model_width) if learned else None
        self.target_position_embedding = nn.Embedding(spec.context_length, spec.model_width) if learned else None
        self.dropout = nn.Dropout(dropout)
        encoder = [EncoderBlock(spec, dropout) for _ in range(spec.num_encoder_layers)]
        decoder = [DecoderBlock(spec, dropout) for _ in range(spec.num_decoder_layers)]
        self.blocks = nn.ModuleList([*encoder, *decoder])
        is_pre = spec.norms == "pre"  # behind the last block of each side something must still normalise
        self.source_norm = nn.LayerNorm(spec.model_width) if is_pre else nn.Identity()
        self.target_norm = nn.LayerNorm(spec.model_width) if is_pre else nn.Identity()
        self.head = None if spec.tied_embeddings else nn.Linear(spec.model_width, vocab_size, bias=False)
        self.waves: Tensor
        self.register_buffer("waves", sinusoids(spec.context_length, spec.model_width), persistent=False)
        self.init_weights()

    @torch.no_grad()
    def init_weights(self) -> None:
        """Glorot for matrices, as was usual in 2017; the table so narrow that its product with sqrt(D) has deviation 1."""
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                parameter.zero_()
            elif "norm" in name:
                parameter.fill_(1.0)
            elif "position_embedding" in name:
                parameter.normal_(std=0.02)
            elif parameter.ndim == 2 and ("embedding" in name or name.startswith("head.")):
                parameter.normal_(std=self.spec.model_width**-0.5)
            else:
                nn.init.xavier_uniform_(parameter)

    def forward(self, source: Tensor, source_mask: Tensor, target: Tensor) -> Tensor:
        """`source_mask` (B, S) is True where there is a token."""
        memory = self.encode(source, source_mask)
        mask = source_mask[:, None, None, :]  # (B, 1, 1, S)
        x = self.embed(target, self.target_position_embedding, 0)  # (B, T, D)
        for block in self.decoder:
            x = recompute(block, x, memory, mask, use_reentrant=False) if self.recomputes else block(x, memory, mask)
        return self.to_logits(self.target_norm(x))

    def encode(self, source: Tensor, source_mask: Tensor) -> Tensor:
        """Return what the encoder makes of the source (B, S, D)."""
        x, mask = self.embed(source, self.source_position_embedding, 0), source_mask[:, None, None, :]
        for block in self.encoder:
            x = recompute(block, x, mask, use_reentrant=False) if self.recomputes else block(x, mask)
        memory: Tensor = self.source_norm(x)
        return memory

    def begin(self, source: Tensor, source_mask: Tensor) -> Decoding:
        """Read the source; return the state from which `step` writes."""
        memory = self.encode(source, source_mask)
        layers = [LayerCache(*block.cross_attention.keys_values(memory)) for block in self.decoder]  # type: ignore[operator, union-attr]
        return Decoding(layers, source_mask[:, None, None, :])

    def step(self, tokens: Tensor, state: Decoding) -> Tensor:
        """Read one more target token of each row (B,); return the logits (B, V) of the one behind it."""
        x = self.embed(tokens[:, None], self.target_position_embedding, state.length)
        for block, cache in zip(self.decoder, state.layers, strict=True):
            assert isinstance(block, DecoderBlock)
            x = block.step(x, cache, state.mask)
        state.length += 1
        return self.to_logits(self.target_norm(x))[:, 0]

    def embed(self, tokens: Tensor, table: nn.Embedding | None, first: int) -> Tensor:
        end = first + tokens.size(1)
        assert end <= self.spec.context_length, f"{end} tokens do not fit into {self.spec.context_length}"
        positions = (self.waves if table is None else table.weight)[first:end]
        embedded: Tensor = self.dropout(self.token_embedding(tokens) * math.sqrt(self.spec.model_width) + positions)
        return embedded

    def to_logits(self, x: Tensor) -> Tensor:
        return F.linear(x, self.token_embedding.weight if self.head is None else self.head.weight)

    @property
    def encoder(self) -> nn.ModuleList:
        return self.blocks[: self.spec.num_encoder_layers]

    @property
    def decoder(self) -> nn.ModuleList:
        return self.blocks[self.spec.num_encoder_layers :]

    @property
    def recomputes(self) -> bool:
        return self.recompute_blocks and self.training

    @property
    def context_length(self) -> int:
        return self.spec.context_length

    def parameters_by_part(self) -> dict[str, int]:
        """Return how many parameters each part has; the sum is the model."""
        return count_by_part(self, part_of)


def part_of(name: str) -> str:
    """Return the part that a parameter of that name belongs to."""
    pieces = (
        ("norm", "norm"), ("token_embedding", "embedding"), ("position_embedding", "position"),
        ("feed_forward", "feed_forward"), ("cross_attention", "cross_attention"), ("attention", "attention"),
    )  # fmt: skip
    return next((part for piece, part in pieces if piece in name), "head")


def sinusoids(length: int, width: int) -> Tensor:
    """Return the waves (length, width) that tell positions: sines in the even places, cosines in the odd ones."""
    rates = torch.exp(torch.arange(0, width - width % 2, 2).float() * (-math.log(10_000.0) / width))
    angles = torch.arange(length).float()[:, None] * rates  # (length, width / 2)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)
