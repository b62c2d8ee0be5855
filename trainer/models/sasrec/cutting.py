"""A SASRec made narrower: the stream loses the numbers that items hardly use, each head as many of its own, then neurons.

D width of the stream, H heads, K width of a head
"""

from __future__ import annotations

import torch
from torch import Tensor

from trainer.models.cutting import strongest
from trainer.models.narrowing import (
    Weights,
    column_norms,
    cut_between,
    keep_columns,
    keep_rows,
    require_narrower,
    row_norms,
    together,
)
from trainer.models.sasrec.spec import SasrecSpec


def cut(weights: Weights, before: SasrecSpec, after: SasrecSpec) -> Weights:
    """Return the weights of a narrower model; raise `SpecError` where it is not narrower."""
    require_narrower(before, after, ("embedding_width", "inner"))
    found = dict(weights)
    for number in range(before.num_layers):
        cut_heads(found, f"blocks.{number}", before, after)
        feed_forward = f"blocks.{number}.feed_forward"
        cut_between(found, f"{feed_forward}.0", f"{feed_forward}.3", after.inner)
    cut_stream(found, before.num_layers, after.embedding_width)
    return found


def cut_heads(weights: Weights, block: str, before: SasrecSpec, after: SasrecSpec) -> None:
    """Keep the strongest numbers inside each head, in place: of queries with their keys, of values with what is written."""
    H, D = before.num_heads, before.embedding_width
    K, kept_width = D // H, after.embedding_width // H
    qkv, out = weights[f"{block}.query_key_value.weight"], weights[f"{block}.output.weight"]  # (3D, D), (D, D)
    queries, keys, values = row_norms(qkv).view(3, H, K)
    first = torch.arange(H) * K
    matched = places_of(queries * keys, kept_width, first)
    written = places_of(values * column_norms(out).view(H, K), kept_width, first)
    keep_rows(weights, f"{block}.query_key_value", torch.cat([matched, D + matched, 2 * D + written]))
    keep_columns(weights, f"{block}.output", written)
    for part in ("weight", "bias"):  # products are divided by the root of a head's width, which is less now
        tensor = weights[f"{block}.query_key_value.{part}"].clone()
        tensor[: len(matched)] *= (kept_width / K) ** 0.5
        weights[f"{block}.query_key_value.{part}"] = tensor


def places_of(strength: Tensor, count: int, first: Tensor) -> Tensor:
    """Return the places of the strongest of each head (H, K), as rows of all heads together."""
    return torch.cat([strongest(each, count) + at for each, at in zip(strength, first, strict=True)])


def cut_stream(weights: Weights, num_layers: int, width: int) -> None:
    """Keep the numbers of the stream that items use most, in place, in everything that reads or writes it."""
    tables = [name for name in ("item_embedding", "item_feature_embedding") if f"{name}.weight" in weights]
    kept = strongest(together([column_norms(weights[f"{table}.weight"]) for table in tables]), width)
    for table in tables:
        keep_columns(weights, table, kept)
    weights["position_embedding"] = weights["position_embedding"][:, kept].contiguous()
    for block in (f"blocks.{number}" for number in range(num_layers)):
        for reads in ("query_key_value", "feed_forward.0"):
            keep_columns(weights, f"{block}.{reads}", kept)
        for writes in ("output", "feed_forward.3", "attention_norm", "feed_forward_norm"):
            keep_rows(weights, f"{block}.{writes}", kept)
    keep_rows(weights, "norm", kept)
