"""DLRM: tables for what is looked up, a bottom network for numbers, products of every pair, a top network that weighs them.

B users, S items, F vectors of a pair, D width
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from trainer.data.interactions.store import Item
from trainer.models.dlrm.spec import DlrmSpec
from trainer.recommend.model import Recommender, chain, table, thinned
from trainer.recommend.negatives import draw, sampled_logistic, whole_softmax
from trainer.recommend.spec import wants_sparse
from trainer.training.task import Batch

PAIRS_AT_ONCE = 1 << 16
"""What is made of so many pairs stays in the caches of a processor: eight times as many take 2.4 times as long each."""


class Dlrm(Recommender):
    def __init__(
        self, spec: DlrmSpec, items: Sequence[Item], *, num_user_features: int, num_item_features: int, dropout: float
    ) -> None:
        super().__init__(items)
        self.spec, self.dropout = spec, dropout
        D, sparse = spec.embedding_width, wants_sparse(spec.sparse_tables, len(items))
        self.item_embedding = table(len(items), D, sparse=sparse)
        self.history_embedding = None if spec.tied_items else table(len(items), D, sparse=sparse)
        self.user_feature_embedding = table(num_user_features, D, sparse=False) if num_user_features else None
        self.item_feature_embedding = table(num_item_features, D, sparse=False) if num_item_features else None
        num_vectors = 3 + bool(num_user_features) + bool(num_item_features)
        self.bottom = chain(spec.bottom)
        self.top = chain([num_vectors * (num_vectors - 1) // 2 + D, *spec.top], dropout)

    def user_side(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return what is looked up of each user (B, 1 or 2, D), and the logarithm of how much it took (B,)."""
        history, starts = batch["history"], batch["history_starts"]
        lengths = torch.diff(starts, append=starts.new_tensor([len(history)])).float().log1p()
        bags = thinned(history, starts, self.dropout) if self.training and self.dropout else (history, starts)
        found = [(self.history_embedding or self.item_embedding)(*bags)]
        if self.user_feature_embedding is not None:
            found.append(self.user_feature_embedding(batch["user_features"], batch["user_feature_starts"]))
        return torch.stack(found, dim=1), lengths

    def item_side(self, items: Tensor) -> tuple[Tensor, Tensor]:
        """Return what is looked up of each item (S, 1 or 2, D), and the logarithm of how often it was taken (S,)."""
        own = self.item_embedding(items[:, None]) * self.catalogue.is_known[items]
        if self.item_feature_embedding is None:
            return own[:, None], self.catalogue.counts[items].log1p()
        if self.training and self.spec.id_dropout:
            own = own * (torch.rand(len(items), 1, device=own.device) >= self.spec.id_dropout)
        features = self.item_feature_embedding(*self.catalogue.feature_bags(items))
        return torch.stack([own, features], dim=1), self.catalogue.counts[items].log1p()

    def user_points(self, batch: Batch) -> Tensor:
        """Return what is looked up of each user, added: of the same width as that of items."""
        return self.user_side(batch)[0].sum(dim=1)

    def item_points(self, items: Tensor) -> Tensor:
        return self.item_side(items)[0].sum(dim=1)

    def weigh(self, users: tuple[Tensor, Tensor], items: tuple[Tensor, Tensor]) -> Tensor:
        """Return the score of each user with each item: vectors (..., U, D) and (..., I, D), numbers (...,)."""
        both = users[1] + items[1]  # of the shape of all pairs
        dense = self.bottom(torch.stack([users[1].expand_as(both), items[1].expand_as(both)], dim=-1))  # (..., D)
        shape = dense.shape[:-1]
        vectors = torch.cat(
            [dense[..., None, :], users[0].expand(*shape, -1, -1), items[0].expand(*shape, -1, -1)], dim=-2
        )
        products = vectors @ vectors.transpose(-1, -2)  # (..., F, F)
        rows, columns = torch.tril_indices(vectors.size(-2), vectors.size(-2), -1, device=vectors.device)
        out: Tensor = self.top(torch.cat([products[..., rows, columns], dense], dim=-1))[..., 0]
        return out

    def grid(self, users: tuple[Tensor, Tensor], items: tuple[Tensor, Tensor]) -> Tensor:
        """Return the score of every user with every item (B, S)."""
        return self.weigh((users[0][:, None], users[1][:, None]), (items[0][None], items[1][None]))

    def score_all(self, batch: Batch) -> Tensor:
        users = self.user_side(batch)
        step = max(PAIRS_AT_ONCE // max(len(users[1]), 1), 1)
        return torch.cat([self.grid(users, self.item_side(part)) for part in self.catalogue.in_parts(step)], dim=1)

    def loss(self, batch: Batch) -> Tensor:
        users, positives, weights = self.user_side(batch), batch["items"], batch["weights"]
        drawn = draw(positives, self.catalogue.counts, self.spec)
        if drawn is None:
            every = torch.arange(len(self.catalogue), device=positives.device)
            return whole_softmax(self.grid(users, self.item_side(every)), positives, weights)
        right = self.weigh(users, self.item_side(positives))
        wrong = self.grid(users, self.item_side(drawn.items))
        return sampled_logistic(right, wrong, drawn.items == positives[:, None], drawn, weights)
