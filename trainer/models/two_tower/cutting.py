"""Two towers made narrower: each table loses the numbers that its tower hardly reads, both towers the same outputs."""

from __future__ import annotations

import torch
from torch import Tensor

from trainer.models.cutting import strongest
from trainer.models.narrowing import (
    Weights,
    column_norms,
    keep_columns,
    keep_rows,
    require_narrower,
    row_norms,
    together,
)
from trainer.models.two_tower.spec import TwoTowerSpec
from trainer.recommend.cutting import cut_hidden, layers_of

TOWERS = {
    "user_tower": ("history_embedding", "user_feature_embedding"),
    "item_tower": ("item_embedding", "item_feature_embedding"),
}
"""Tower -> the tables that it reads, side by side."""


def cut(weights: Weights, before: TwoTowerSpec, after: TwoTowerSpec) -> Weights:
    """Return the weights of narrower towers; raise `SpecError` where they are not narrower."""
    require_narrower(before, after, ("embedding_width", "tower_width"))
    found = dict(weights)
    cut_tables(found, before.embedding_width, after.embedding_width)
    ends = [layers_of(found, tower)[-1] for tower in TOWERS]
    for tower in TOWERS:
        cut_hidden(found, tower, after.tower_width)
    norms = [row_norms(found[f"{end}.weight"]) for end in ends]
    outputs = strongest(norms[0] * norms[1], after.tower_width)  # a score is the product of both
    for end in ends:
        keep_rows(found, end, outputs)
    return found


def cut_tables(weights: Weights, width: int, kept_width: int) -> None:
    """Keep the strongest numbers of each table, in place, and what the towers read of them."""
    places: dict[str, list[tuple[str, int]]] = {}  # table -> where towers read it: first layer, first column
    for tower, tables in TOWERS.items():
        own = [table_of(weights, table) for table in tables]
        for number, table in enumerate(table for table in own if table):
            places.setdefault(table, []).append((f"{tower}.0", number * width))
    read: dict[str, list[tuple[int, Tensor]]] = {}
    for table, where in places.items():
        reads = together([column_norms(weights[f"{layer}.weight"][:, at : at + width]) for layer, at in where])
        kept = strongest(column_norms(weights[f"{table}.weight"]) * reads, kept_width)
        keep_columns(weights, table, kept)
        for layer, at in where:
            read.setdefault(layer, []).append((at, kept + at))
    for layer, columns in read.items():
        keep_columns(weights, layer, torch.cat([kept for _at, kept in sorted(columns, key=lambda each: each[0])]))


def table_of(weights: Weights, name: str) -> str:
    """Return the table of that name, or of the items where one serves both towers; empty where there is none."""
    if f"{name}.weight" in weights:
        return name
    return "item_embedding" if name == "history_embedding" else ""
