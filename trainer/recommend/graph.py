"""A recommender as a function of tensors: what a user took, padded to rows of one length, in; a score of every item out.

    history          (B, L)  numbers of items; where order counts, the latest stands last
    history_mask     (B, L)  which places hold one: filling stands in front
    user_features    (B, F)  numbers of what describes the user, where the model reads that
    user_feature_mask(B, F)

The catalogue does not change in a written model, so that what items look like inside is computed once and kept as a table.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from trainer.compress.quantised import Int8Embedding
from trainer.formats.graph import Graph, Inputs

MOST_FEATURES = 3


class ScoreGraph(nn.Module):
    """One function of a model, with tables that were computed beforehand."""

    def __init__(self, model: nn.Module, function: Callable[..., Tensor], **tables: Tensor) -> None:
        super().__init__()
        self.model, self.function, self.names = model, function, tuple(tables)
        for name, tensor in tables.items():
            self.register_buffer(name, tensor.detach())

    def forward(
        self,
        history: Tensor,
        history_mask: Tensor,
        user_features: Tensor | None = None,
        user_feature_mask: Tensor | None = None,
    ) -> Tensor:
        described = () if user_features is None else (user_features, user_feature_mask)
        return self.function(history, history_mask, *described, **{name: getattr(self, name) for name in self.names})


def score_graph(module: nn.Module, *, num_items: int, num_user_features: int, longest: int) -> Graph:
    """Return the graph of a recommender; `num_user_features` is 0 where it reads none."""
    lists = [(num_items, "history")] + ([(num_user_features, "user_feature")] if num_user_features else [])

    def make(rows: int, length: int, chance: torch.Generator) -> Inputs:
        found: list[Tensor] = []
        for count, name in lists:
            width = length if name == "history" else MOST_FEATURES
            lengths = torch.tensor([max(width - row, 1) for row in range(rows)])
            found.append(torch.randint(0, count, (rows, width), generator=chance))
            found.append(torch.arange(width)[None] >= width - lengths[:, None])
        return tuple(found)

    names = [(name if name == "history" else f"{name}s", f"{name}_mask") for _, name in lists]
    return Graph(
        module=module,
        make_inputs=make,
        input_names=tuple(each for pair in names for each in pair),
        output_name="scores",
        open_sizes=tuple({0: "rows", 1: f"{name}_length"} for _, name in lists for _ in range(2)),
        longest=longest,
    )


def mean_of(table: nn.EmbeddingBag | Int8Embedding, numbers: Tensor, mask: Tensor) -> Tensor:
    """Return the mean (B, D) of the rows of a table (N, D) that stand at the places (B, L) which hold one; zeros for none."""
    rows = table.rows(numbers) if isinstance(table, Int8Embedding) else table.weight[numbers]  # (B, L, D)
    there = mask[..., None].to(rows.dtype)  # (B, L, 1)
    return (rows * there).sum(dim=1) / there.sum(dim=1).clamp(min=1)
