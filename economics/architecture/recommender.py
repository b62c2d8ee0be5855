"""Recommenders: large tables of embeddings and small dense networks (DLRM, two towers)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from economics.architecture.base import Parameters


def dense_parameters(widths: tuple[int, ...]) -> int:
    """Return weights and biases of a chain of dense layers.

    >>> dense_parameters((13, 512, 256))
    138496
    """
    return sum(a * b + b for a, b in pairwise(widths))


def dense_weights(widths: tuple[int, ...]) -> int:
    """Return the weights of a chain of dense layers."""
    return sum(a * b for a, b in pairwise(widths))


@dataclass(frozen=True, kw_only=True, slots=True)
class DLRM:
    """A deep learning recommendation model: tables, a bottom network for numbers, interactions, a top network.

    The tables are looked up, not multiplied: they cost bytes and almost no FLOP (Naumov et al. 2019,
    arXiv 1906.00091). `interaction` is the dot product of every pair, or crossing layers of low rank
    (Wang et al. 2020, arXiv 2008.13535).

    >>> tiny = DLRM(table_rows=(1000, 500), embedding_width=16, bottom=(13, 32, 16), top=(32, 1))
    >>> tiny.parameters().by_part["tables"]
    24000
    """

    table_rows: tuple[int, ...]
    embedding_width: int
    bottom: tuple[int, ...]
    """Widths from the number of dense features to the embedding width."""
    top: tuple[int, ...]
    """Widths after the interaction (its own width is put in front)."""
    interaction: Literal["dot", "cross"] = "dot"
    cross_layers: int = 3
    cross_rank: int = 512
    rows_per_lookup: float = 1.0
    """Rows read per table and example (more where a feature is a bag)."""
    name: str = ""

    @property
    def kind(self) -> str:
        """Always recommender."""
        return "recommender"

    @property
    def num_features(self) -> int:
        """Vectors that interact: one of each table and one of the bottom network."""
        return len(self.table_rows) + 1

    @property
    def interaction_width(self) -> int:
        """Width of what the top network reads."""
        if self.interaction == "cross":
            return self.num_features * self.embedding_width
        return self.num_features * (self.num_features - 1) // 2 + self.embedding_width

    def parameters(self) -> Parameters:
        """Count the parameters by part."""
        top = (self.interaction_width, *self.top)
        width = self.interaction_width
        cross = self.cross_layers * (2 * width * self.cross_rank + width) if self.interaction == "cross" else 0
        parts = {
            "tables": sum(self.table_rows) * self.embedding_width,
            "bottom": dense_parameters(self.bottom),
            "cross": cross,
            "top": dense_parameters(top),
        }
        matmul = dense_weights(self.bottom) + dense_weights(top)
        matmul += self.cross_layers * 2 * width * self.cross_rank if cross else 0
        active = dict(parts)
        active["tables"] = round(len(self.table_rows) * self.rows_per_lookup * self.embedding_width)
        parts = {name: count for name, count in parts.items() if count}
        return Parameters(
            by_part=parts,
            active_by_part={name: active[name] for name in parts},
            matmul=matmul,
            active_matmul=matmul,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class TwoTower:
    """Two networks, for users and for items, whose outputs are multiplied (Covington et al. 2016; Yi et al. 2019).

    >>> TwoTower(user_rows=(1000,), item_rows=(500,), embedding_width=8, tower=(16, 8)).parameters().total
    12560
    """

    user_rows: tuple[int, ...]
    item_rows: tuple[int, ...]
    embedding_width: int
    tower: tuple[int, ...]
    """Widths of each tower after its embeddings, put side by side."""
    name: str = ""

    @property
    def kind(self) -> str:
        """Always recommender."""
        return "recommender"

    def widths(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Widths of the user's and of the item's tower, input first."""
        e = self.embedding_width
        return (len(self.user_rows) * e, *self.tower), (len(self.item_rows) * e, *self.tower)

    def parameters(self) -> Parameters:
        """Count the parameters by part."""
        user, item = self.widths()
        parts = {
            "tables": (sum(self.user_rows) + sum(self.item_rows)) * self.embedding_width,
            "user_tower": dense_parameters(user),
            "item_tower": dense_parameters(item),
        }
        active = {**parts, "tables": (len(self.user_rows) + len(self.item_rows)) * self.embedding_width}
        matmul = dense_weights(user) + dense_weights(item)
        return Parameters(by_part=parts, active_by_part=active, matmul=matmul, active_matmul=matmul)
