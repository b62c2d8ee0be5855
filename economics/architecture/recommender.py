"""Recommenders: large tables of embeddings and small dense networks (DLRM, two towers, SASRec)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from economics.architecture.base import Parameters
from economics.architecture.decoder import Decoder

TableOptimizer = Literal["row_wise", "sparse", "whole"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Learning:
    """How a recommender learns: what its examples are told apart from, and how its tables are updated."""

    num_candidates: int = 0
    """Items that each item taken is told apart from: those drawn for a micro-batch, or all. 0: examples say yes or no."""
    in_batch: bool = False
    """Candidates are the items of the micro-batch itself: at most as many as it has."""
    table_optimizer: TableOptimizer = "row_wise"
    """row_wise: AdaGrad with one number a row (Naumov et al. 2019); sparse: Adam with two numbers a parameter, of the rows
    that were read; whole: the same of every row in each step."""


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
class DLRM(Learning):
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
    num_tied_tables: int = 0
    """Tables at the front of `table_rows` that are the same as the one behind them, and are stored once with it."""
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
            "tables": sum(self.table_rows[self.num_tied_tables :]) * self.embedding_width,
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
class TwoTower(Learning):
    """Two networks, for users and for items, whose outputs are multiplied (Covington et al. 2016; Yi et al. 2019).

    >>> TwoTower(user_rows=(1000,), item_rows=(500,), embedding_width=8, tower=(16, 8)).parameters().total
    12560
    """

    user_rows: tuple[int, ...]
    item_rows: tuple[int, ...]
    embedding_width: int
    tower: tuple[int, ...]
    """Widths of each tower after its embeddings, put side by side."""
    tied_items: bool = False
    """The first table of users (of the items that they took) is the first of items, and is stored once."""
    rows_per_lookup: float = 1.0
    """Rows read per table and example (more where a feature is a bag)."""
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
        stored = sum(self.user_rows[self.tied_items :]) + sum(self.item_rows)
        parts = {
            "tables": stored * self.embedding_width,
            "user_tower": dense_parameters(user),
            "item_tower": dense_parameters(item),
        }
        read = (len(self.user_rows) + len(self.item_rows)) * self.rows_per_lookup
        active = {**parts, "tables": round(read * self.embedding_width)}
        matmul = dense_weights(user) + dense_weights(item)
        return Parameters(by_part=parts, active_by_part=active, matmul=matmul, active_matmul=matmul)


@dataclass(frozen=True, kw_only=True, slots=True)
class SASRec(Learning):
    """A Transformer over the items that a user took, whose output is multiplied with the items' embeddings.

    Kang and McAuley 2018, arXiv 1808.09781; blocks with norms in front and biases throughout.

    >>> SASRec(table_rows=(1000,), embedding_width=64, num_layers=2, num_heads=2, context_length=50).parameters().total
    117760
    """

    table_rows: tuple[int, ...]
    """Items, and values of their features: their embeddings are added."""
    embedding_width: int
    num_layers: int
    num_heads: int
    context_length: int
    feed_forward_width: int = 0
    """0: the width of embeddings."""
    name: str = ""

    @property
    def kind(self) -> str:
        """Always recommender."""
        return "recommender"

    @property
    def inner(self) -> int:
        """Width inside the feed-forward network."""
        return self.feed_forward_width or self.embedding_width

    def as_decoder(self) -> Decoder:
        """The layers alone, as a decoder without a vocabulary."""
        return Decoder(
            num_layers=self.num_layers, model_width=self.embedding_width, num_heads=self.num_heads, vocabulary_size=1,
            feed_forward_width=self.inner, context_length=self.context_length, norm="layer", gated=False,
            positions="learned",
        )  # fmt: skip

    def parameters(self) -> Parameters:
        """Count the parameters by part."""
        d, inner = self.embedding_width, self.inner
        layer = 4 * d * d + 2 * d * inner
        biases = 4 * d + inner + d
        parts = {
            "tables": sum(self.table_rows) * d,
            "positions": self.context_length * d,
            "layers": self.num_layers * (layer + biases + 4 * d),
            "norm": 2 * d,
        }
        active = {**parts, "tables": self.context_length * len(self.table_rows) * d}
        matmul = self.num_layers * layer
        return Parameters(by_part=parts, active_by_part=active, matmul=matmul, active_matmul=matmul)


Recommender = DLRM | TwoTower | SASRec
