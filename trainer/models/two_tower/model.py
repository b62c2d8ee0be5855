"""The two towers. The user's reads a bag of what was taken and of what describes the user; a new user needs no training.

B users, S items, D width of embeddings
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from trainer.data.interactions.store import Item
from trainer.models.two_tower.spec import TwoTowerSpec
from trainer.recommend.model import VectorRecommender, chain, table, thinned
from trainer.recommend.negatives import draw, sampled_softmax, whole_softmax
from trainer.recommend.spec import wants_sparse
from trainer.training.task import Batch


class TwoTower(VectorRecommender):
    def __init__(
        self,
        spec: TwoTowerSpec,
        items: Sequence[Item],
        *,
        num_user_features: int,
        num_item_features: int,
        dropout: float,
    ) -> None:
        super().__init__(items)
        self.spec = spec
        self.dropout = dropout
        D, sparse = spec.embedding_width, wants_sparse(spec.sparse_tables, len(items))
        self.item_embedding = table(len(items), D, sparse=sparse)
        self.history_embedding = None if spec.tied_items else table(len(items), D, sparse=sparse)
        self.user_feature_embedding = table(num_user_features, D, sparse=False) if num_user_features else None
        self.item_feature_embedding = table(num_item_features, D, sparse=False) if num_item_features else None
        self.user_tower = chain([D * (1 + bool(num_user_features)), *spec.tower], dropout)
        self.item_tower = chain([D * (1 + bool(num_item_features)), *spec.tower], dropout)

    def user_vectors(self, batch: Batch) -> Tensor:
        history = self.history_embedding or self.item_embedding
        read = [history(*self.thinned(batch["history"], batch["history_starts"]))]  # (B, D); zeros without a history
        if self.user_feature_embedding is not None:
            bags = self.thinned(batch["user_features"], batch["user_feature_starts"])
            read.append(self.user_feature_embedding(*bags))
        return self.user_of(read)

    def user_of(self, read: Sequence[Tensor]) -> Tensor:
        """Return the vector of each user of what was looked up (B, D) each."""
        return F.normalize(self.user_tower(torch.cat(list(read), dim=1)), dim=1) / self.spec.temperature

    def thinned(self, numbers: Tensor, starts: Tensor) -> tuple[Tensor, Tensor]:
        """Return bags without some of what they hold, drawn anew at each step: no one item may decide (Liang et al. 2018)."""
        return thinned(numbers, starts, self.dropout) if self.training and self.dropout else (numbers, starts)

    def item_vectors(self, items: Tensor) -> Tensor:
        own = self.item_embedding(items[:, None]) * self.catalogue.is_known[items]  # (S, D)
        if self.item_feature_embedding is None:
            return F.normalize(self.item_tower(own), dim=1)
        if self.training and self.spec.id_dropout:
            own = own * (torch.rand(len(items), 1, device=own.device) >= self.spec.id_dropout)
        features = self.item_feature_embedding(*self.catalogue.feature_bags(items))
        return F.normalize(self.item_tower(torch.cat([own, features], dim=1)), dim=1)

    def loss(self, batch: Batch) -> Tensor:
        queries, positives, weights = self.user_vectors(batch), batch["items"], batch["weights"]
        drawn = draw(positives, self.catalogue.counts, self.spec)
        if drawn is None:
            return whole_softmax(queries @ self.all_item_vectors().T, positives, weights)
        taken, others = self.item_vectors(positives), self.item_vectors(drawn.items)
        return sampled_softmax(queries, taken, others, positives, drawn, weights)
