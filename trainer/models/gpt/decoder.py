"""A GPT as it writes: the same model, laid out for reading a few tokens of a few texts at a time.

The weights are those of `GPT`, packed (trainer/inference/projection.py) and in the numbers that are chosen for writing;
the keys and values of what was read stay in memory that is set aside once. Each step computes the logits of the last
token alone. What limits it: a step reads all weights once, whatever the number of texts, so memory bandwidth.

Sizes in comments: R rows (texts), T tokens of each now, E tokens so far, D model width, V vocabulary, H query heads,
G key and value heads, K head width.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from trainer.compress.quantised import Int4Linear, Int8Embedding, Int8Linear
from trainer.inference.cache import KVCache, Places
from trainer.inference.projection import LayerProjection, Projection, projection
from trainer.models.attention import causal_attention
from trainer.models.gpt.native.step import MOST_TOKENS, NativeStep, native_step
from trainer.models.layers import Rotation, activate, rotate

if TYPE_CHECKING:
    from trainer.models.gpt.model import GPT, Block


SCORED_AGAIN = 64


class Layer:
    """One block, made ready."""

    def __init__(self, block: Block, dtype: torch.dtype, *, hold: bool) -> None:
        attention, feed_forward = block.attention, block.feed_forward
        self.number = attention.layer
        self.num_heads, self.num_kv_heads, self.head_width = (
            attention.num_heads,
            attention.num_kv_heads,
            attention.head_width,
        )
        self.attention_norm, self.feed_forward_norm, self.query_norm, self.key_norm = (
            copy.deepcopy(norm).to(dtype).requires_grad_(False)
            for norm in (block.attention_norm, block.feed_forward_norm, attention.query_norm, attention.key_norm)
        )
        self.normalises_heads = not isinstance(attention.query_norm, nn.Identity)
        self.qkv, self.out, self.up, self.down = (
            projection(layer, dtype, hold=hold)
            for layer in (attention.qkv, attention.out, feed_forward.up, feed_forward.down)
        )
        self.gated, self.activation = feed_forward.gated, feed_forward.activation

    @property
    def projections(self) -> list[Projection | LayerProjection]:
        return [self.qkv, self.out, self.up, self.down]

    def __call__(self, x: Tensor, rotation: Rotation, places: Places, mask: Tensor | None) -> Tensor:
        """Return the residual stream (R, T, D) behind the block."""
        x = self.out.plus(self.attend(self.attention_norm(x), rotation, places, mask), x)
        inner = self.up(self.feed_forward_norm(x))  # (R, T, F), or (R, T, 2F) when gated
        if self.gated:
            gate, inner = inner.chunk(2, dim=-1)
            inner = activate(gate, self.activation).mul_(inner)
        else:
            inner = activate(inner, self.activation)
        return self.down.plus(inner, x)

    def attend(self, x: Tensor, rotation: Rotation, places: Places, mask: Tensor | None) -> Tensor:
        """Return what the tokens gather (R, T, H * K)."""
        R, T, _ = x.shape
        heads = self.qkv(x).view(R, T, -1, self.head_width)  # (R, T, H + 2G, K)
        turning, v = heads[:, :, : -self.num_kv_heads], heads[:, :, -self.num_kv_heads :]
        if self.normalises_heads:
            q, k = turning[:, :, : self.num_heads], turning[:, :, self.num_heads :]
            turning = torch.cat([self.query_norm(q), self.key_norm(k)], dim=2)
        if rotation is not None:
            turning = rotate(turning, rotation)
        q, k = turning[:, :, : self.num_heads], turning[:, :, self.num_heads :]
        keys, values = places.extend(self.number, k, v)  # (R, G, E, K)
        q = q.to(keys.dtype)
        if places.is_from_start:
            y = causal_attention(q.transpose(1, 2), keys, values)  # (R, H, T, K)
            return y.transpose(1, 2).flatten(2).to(x.dtype)
        # the query heads that share keys become further queries of one head: nothing is repeated in memory
        shared = self.num_heads // self.num_kv_heads
        q = q.view(R, T, self.num_kv_heads, shared, -1).permute(0, 2, 1, 3, 4).flatten(2, 3)  # (R, G, T * H / G, K)
        if mask is not None and shared > 1:
            mask = mask.repeat_interleave(shared, dim=2)
        y = F.scaled_dot_product_attention(q, keys, values, attn_mask=mask)
        return y.view(R, self.num_kv_heads, T, shared, -1).permute(0, 2, 1, 3, 4).reshape(R, T, -1).to(x.dtype)


class Decoder:
    """What the engine asks of a model that writes (`trainer.inference.batch.Decoder`)."""

    def __init__(self, model: GPT, dtype: torch.dtype) -> None:
        self.model, self.dtype = model, dtype
        self.context_length = model.context_length
        device = model.cosines.device
        self.norm = copy.deepcopy(model.norm).to(dtype).requires_grad_(False)
        self.cache = KVCache(
            num_layers=model.num_layers,
            num_heads=model.spec.num_key_value_heads,
            head_width=model.spec.width_of_head,
            # a processor's attention takes six times as long in bfloat16, and keys are few beside the weights
            dtype=torch.float32 if device.type == "cpu" else dtype,
            device=device,
        )
        self._lay_out(hold=False)
        self.native = native_step(self)
        if self.native is None:
            self._lay_out(hold=True)
        self.is_exact = dtype == torch.float32 and isinstance(self.head, Projection)

    def _lay_out(self, *, hold: bool) -> None:
        """Make the layers ready: with weights of their own, or for the compiled step, which has them in its own way."""
        self.layers = [Layer(block, self.dtype, hold=hold) for block in self.model.blocks]  # type: ignore[arg-type]
        self.head = self._head(hold=hold)

    def _head(self, *, hold: bool) -> Projection | LayerProjection:
        if self.model.head is not None:
            return projection(self.model.head, self.dtype, hold=hold)
        table: nn.Module = self.model.token_embedding
        if isinstance(table, nn.Embedding):
            return Projection(table.weight, None, self.dtype, hold=hold)
        assert isinstance(table, Int8Embedding)
        return LayerProjection(table.as_head())

    @property
    def projections(self) -> list[Projection | LayerProjection]:
        return [*(each for layer in self.layers for each in layer.projections), self.head]

    @property
    def size_bytes(self) -> int:
        """Bytes besides the model's own: weights as they are read, keys and values."""
        held = sum(each.size_bytes for each in self.projections) + (self.native.size_bytes if self.native else 0)
        return held + self.cache.size_bytes

    @torch.inference_mode()
    def read(
        self, tokens: Tensor, rows: Sequence[int], firsts: Sequence[int], *, lasts: Sequence[int] | None = None
    ) -> Tensor:
        """Read tokens (R, T) into rows of the cache from the positions `firsts` on; return the logits of what comes next.

        They are those behind the token numbered `lasts` of each row (R, V); without it those behind every token (R, T, V).
        """
        if self.native is not None and tokens.numel() <= MOST_TOKENS:
            return self.read_native(self.native, tokens, rows, firsts, lasts)
        places = Places(self.cache, rows, firsts, tokens.size(1))
        x, rotation, mask = self.embed(tokens, places), self.rotation(places), places.mask(self.cache.keys.dtype)
        for layer in self.layers:
            x = layer(x, rotation, places, mask)
        if lasts is not None:
            x = x[torch.arange(len(lasts)), torch.tensor(lasts)] if x.size(1) > 1 else x[:, 0]  # (R, D)
        hidden = self.norm(x)
        logits = self.head(hidden)
        return logits if self.is_exact else self.scored_again(hidden, logits)

    def read_native(
        self, step: NativeStep, tokens: Tensor, rows: Sequence[int], firsts: Sequence[int], lasts: Sequence[int] | None
    ) -> Tensor:
        """Do the same in one call of the compiled step."""
        num_rows, length = tokens.shape
        positions = (torch.tensor(firsts)[:, None] + torch.arange(length)).flatten()  # (R * T,)
        wanted = torch.arange(num_rows * length).view(num_rows, length)
        if lasts is not None:
            wanted = wanted[range(num_rows), lasts]
        x = self.model.token_embedding(tokens.flatten()).float()
        if self.model.position_embedding is not None:
            x = x + self.model.position_embedding(positions)
        rotation = None
        if self.model.spec.form != "classic":
            rotation = self.model.cosines[positions], self.model.sines[positions]
        hidden, logits = step(x, torch.tensor(rows).repeat_interleave(length), positions, wanted.flatten(), rotation)
        logits = logits if self.is_exact else self.scored_again(hidden, logits)
        return logits.view(*wanted.shape, -1)

    def scored_again(self, hidden: Tensor, logits: Tensor) -> Tensor:
        """Return the logits (..., V) with the highest computed in float32 from the model's own weights.

        Of numbers with 8 bits several would be highest at once, and which of them comes first would be chance.
        """
        logits = logits.float()
        best = logits.topk(min(SCORED_AGAIN, logits.size(-1)), dim=-1, sorted=False).indices  # (..., 64)
        weights = self.head_rows(best)  # (..., 64, D)
        return logits.scatter_(-1, best, (weights @ hidden.float().unsqueeze(-1)).squeeze(-1))

    def head_rows(self, tokens: Tensor) -> Tensor:
        """Return the output's weights (..., D) of some tokens, in float32."""
        if isinstance(self.head, LayerProjection):
            assert isinstance(self.head.layer, Int8Linear | Int4Linear)
            return self.head.layer.rows(tokens)
        return self.model.output_weight[tokens].float()

    def embed(self, tokens: Tensor, places: Places) -> Tensor:
        """Return the tokens as vectors (R, T, D)."""
        x: Tensor = self.model.token_embedding(tokens)
        if self.model.position_embedding is not None:
            x = x + self.model.position_embedding(places.positions)
        return x.to(self.dtype)

    def rotation(self, places: Places) -> Rotation:
        """Return cosines and sines (R or 1, T, 1, K) of the positions; None for the classic form."""
        if self.model.spec.form == "classic":
            return None
        cosines, sines = self.model.cosines[places.positions], self.model.sines[places.positions]
        return cosines.unsqueeze(2), sines.unsqueeze(2)
