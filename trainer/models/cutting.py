"""Structured pruning of Transformer blocks: smaller matrices of larger ones, without the heads and neurons that matter least.

What a head writes goes through its values and its columns of `out`; what a neuron writes goes through its row of `up` and its
column of `down`. The product of the two norms bounds how much either can add to the stream, and those with the smallest
go (as the weights of Li et al. 2017 for filters, Michel et al. 2019 for heads). Every layer keeps the same number, so that the
smaller model is a plain model with smaller settings.

Sizes in comments: D model width, F feed-forward width, H query heads, G heads of keys and values, K head width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from trainer.errors import SpecError

Weights = dict[str, Tensor]


class BlockSpec(Protocol):
    """Settings of a model made of Transformer blocks."""

    @property
    def num_layers(self) -> int: ...
    @property
    def num_heads(self) -> int: ...
    @property
    def num_key_value_heads(self) -> int: ...
    @property
    def width_of_head(self) -> int: ...
    @property
    def width_of_feed_forward(self) -> int: ...
    @property
    def form(self) -> str: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class BlockSizes:
    """What a block has of that can be fewer."""

    num_layers: int
    num_heads: int
    num_kv_heads: int
    head_width: int
    feed_forward_width: int
    is_gated: bool
    """The feed-forward part's first matrix holds a gate beside each neuron."""

    @classmethod
    def of(cls, spec: BlockSpec) -> BlockSizes:
        """Return what pruning can take from a model of these settings."""
        return cls(
            num_layers=spec.num_layers,
            num_heads=spec.num_heads,
            num_kv_heads=spec.num_key_value_heads,
            head_width=spec.width_of_head,
            feed_forward_width=spec.width_of_feed_forward,
            is_gated=spec.form == "modern",
        )


def cut_blocks(weights: Weights, before: BlockSizes, after: BlockSizes) -> Weights:
    """Return the weights of a model of the smaller sizes; raise `SpecError` where they are not smaller."""
    require_smaller(before, after)
    found = dict(weights)
    for layer in range(before.num_layers):
        cut_attention(found, f"blocks.{layer}.attention", before, after)
        cut_feed_forward(found, f"blocks.{layer}.feed_forward", before, after)
    return found


def require_smaller(before: BlockSizes, after: BlockSizes) -> None:
    for name in ("num_heads", "num_kv_heads", "feed_forward_width"):
        if getattr(after, name) > getattr(before, name):
            raise SpecError(
                f"model.{name} is {getattr(after, name)}, and pruning leaves at most the {getattr(before, name)} of "
                "transfer.source"
            )
    if after.head_width != before.head_width:
        raise SpecError(
            f"model.head_width comes to {after.head_width}, and a head of transfer.source is {before.head_width} wide; heads "
            f"are taken out whole: set it to {before.head_width}"
        )
    if after.num_heads * before.num_kv_heads != before.num_heads * after.num_kv_heads:
        shared = before.num_heads // before.num_kv_heads
        raise SpecError(
            f"model.num_heads is {after.num_heads} and model.num_kv_heads {after.num_kv_heads}; in transfer.source {shared} "
            "heads share keys and values, and they go together: keep that ratio"
        )
    if after == before:
        raise SpecError(
            "prune.method is structured, and the sizes are those of transfer.source: make model.num_heads or "
            "model.feed_forward_width smaller"
        )


def cut_attention(weights: Weights, name: str, before: BlockSizes, after: BlockSizes) -> None:
    """Keep the strongest groups of heads, in place: those that share keys and values stay or go together."""
    H, G, K = before.num_heads, before.num_kv_heads, before.head_width
    qkv, out = weights[f"{name}.qkv.weight"], weights[f"{name}.out.weight"]  # (HK + 2GK, D), (D, HK)
    written = out.float().view(len(out), G, -1).pow(2).sum(dim=(0, 2)).sqrt()  # (G,)
    values = qkv[(H + G) * K :].float().view(G, -1).pow(2).sum(dim=1).sqrt()  # (G,)
    groups = strongest(written * values, after.num_kv_heads)
    per_group = (H // G) * K
    queries = spans(groups, per_group)  # places of the queries, and of what `out` reads
    keys = H * K + spans(groups, K)
    rows = torch.cat([queries, keys, keys + G * K])
    weights[f"{name}.qkv.weight"], weights[f"{name}.out.weight"] = qkv[rows], out[:, queries]
    if (bias := weights.get(f"{name}.qkv.bias")) is not None:
        weights[f"{name}.qkv.bias"] = bias[rows]


def cut_feed_forward(weights: Weights, name: str, before: BlockSizes, after: BlockSizes) -> None:
    """Keep the strongest neurons, in place, each with its gate."""
    F = before.feed_forward_width
    up, down = weights[f"{name}.up.weight"], weights[f"{name}.down.weight"]  # (F or 2F, D), (D, F)
    read = up.float().view(-1, F, up.size(1)).norm(dim=2).prod(dim=0)  # (F,)
    kept = strongest(read * down.float().norm(dim=0), after.feed_forward_width)
    rows = torch.cat([kept, kept + F]) if before.is_gated else kept
    weights[f"{name}.up.weight"], weights[f"{name}.down.weight"] = up[rows], down[:, kept]
    if (bias := weights.get(f"{name}.up.bias")) is not None:
        weights[f"{name}.up.bias"] = bias[rows]


def strongest(scores: Tensor, count: int) -> Tensor:
    """Return the places of the highest scores, in their order."""
    return scores.topk(count).indices.sort().values


def spans(numbers: Tensor, width: int) -> Tensor:
    """Return the places of whole spans of a width: 1 and 3 of width 2 -> 2, 3, 6, 7."""
    return (numbers[:, None] * width + torch.arange(width)).flatten()
