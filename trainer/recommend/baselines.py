"""What every recommender is held against: the most popular items, and the items that go with what a user took (item-kNN).

Item-kNN: cosine of two items over users with shrinkage, which trusts few common users less (Sarwar et al. 2001; Deshpande and
Karypis 2004; Dacrema et al. 2019, who found it hard to beat once it is tuned). Shrinkage and neighbours are chosen on
validation, so that it is no straw man.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from trainer.data.interactions.store import Histories, InteractionSplit
from trainer.metrics.ranking import PLACES, Truth
from trainer.recommend.ranking import Scores, rank_all, seen_of, some, truth_of

POPULAR, NEIGHBOURS = "most popular", "item-kNN"
SHRINKAGES = (0.0, 10.0, 100.0)
NUM_NEIGHBOURS = (20, 100, 500)
MAX_HISTORY = 500
"""Latest items of a user that count; co-occurrence grows with their square."""

BLOCK_ITEMS = 1_000
TUNING_USERS = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemNeighbours:
    """Co-occurrence of items over users of training."""

    together: sparse.csr_matrix
    """(N, N) users who took both, zero on the diagonal; of each item the most frequent companions."""

    counts: NDArray[np.int64]
    """(N,) users who took it."""

    similarity: Any = None
    shrinkage: float = 0.0
    num_neighbours: int = 0

    @classmethod
    def fit(cls, train: Histories, num_items: int) -> ItemNeighbours:
        """Count who took what with what."""
        users = np.arange(train.num_users)
        bags = train.last(users, np.asarray(train.starts[1:]), MAX_HISTORY)
        ones = np.ones(len(bags.numbers), np.float32)
        taken = sparse.csr_matrix((ones, bags.numbers, bags.starts), shape=(train.num_users, num_items))
        taken.sum_duplicates()
        taken.data[:] = 1
        by_item = taken.T.tocsr()
        blocks = [
            strongest((by_item[first : first + BLOCK_ITEMS] @ taken).tocsr(), 2 * max(NUM_NEIGHBOURS), first)
            for first in range(0, num_items, BLOCK_ITEMS)
        ]
        counts = np.asarray(taken.sum(axis=0)).ravel().astype(np.int64)
        return cls(together=sparse.vstack(blocks).tocsr(), counts=counts)

    def with_settings(self, shrinkage: float, num_neighbours: int) -> ItemNeighbours:
        """Return the similarities with that shrinkage, of so many neighbours an item."""
        rows = np.repeat(np.arange(len(self.counts)), np.diff(self.together.indptr))
        norm = np.sqrt(self.counts[rows].astype(np.float64) * self.counts[self.together.indices])
        similar = self.together.copy()
        similar.data = (self.together.data / (norm + shrinkage)).astype(np.float32)
        kept = strongest(similar, num_neighbours, 0)
        return replace(self, similarity=kept, shrinkage=shrinkage, num_neighbours=num_neighbours)

    def scores(self, split: InteractionSplit, truth: Truth) -> Scores:
        """Return a function that scores all items for rows of `truth`; items that go with nothing come by popularity."""
        popular = self.counts / (self.counts.max(initial=0) + 1) * 1e-6

        def of(rows: NDArray[np.int64]) -> NDArray[np.floating]:
            bags = [np.unique(seen_of(split, truth, int(row))[-MAX_HISTORY:]) for row in rows]
            starts = np.cumsum([0, *map(len, bags)])
            items = np.concatenate([*bags, np.empty(0, np.int32)])
            history = sparse.csr_matrix((np.ones(len(items), np.float32), items, starts), (len(rows), len(self.counts)))
            found: NDArray[np.floating] = (history @ self.similarity).toarray() + popular
            return found

        return of


def strongest(matrix: sparse.csr_matrix, most: int, first: int) -> sparse.csr_matrix:
    """Return the largest entries of each row, without that of row i in column `first` + i."""
    starts, columns, values = [0], [], []
    for row in range(matrix.shape[0]):
        begin, end = matrix.indptr[row], matrix.indptr[row + 1]
        here, data = matrix.indices[begin:end], matrix.data[begin:end]
        other = here != first + row
        here, data = here[other], data[other]
        if len(data) > most:
            chosen = np.sort(np.lexsort((here, -data))[:most])
            here, data = here[chosen], data[chosen]
        columns.append(here)
        values.append(data)
        starts.append(starts[-1] + len(here))
    return sparse.csr_matrix((np.concatenate(values), np.concatenate(columns), starts), shape=matrix.shape)


def tuned_neighbours(validation: InteractionSplit) -> ItemNeighbours:
    """Return item-kNN with the shrinkage and the number of neighbours that foretell the validation split best."""
    fitted = ItemNeighbours.fit(validation.train, validation.num_items)
    settings = list(product(SHRINKAGES, NUM_NEIGHBOURS))
    if not validation.num_documents:
        return fitted.with_settings(SHRINKAGES[1], NUM_NEIGHBOURS[1])
    truth = some(truth_of(validation), TUNING_USERS)
    if not len(truth.users):
        return fitted.with_settings(SHRINKAGES[1], NUM_NEIGHBOURS[1])

    def quality(setting: tuple[float, int]) -> float:
        tried = fitted.with_settings(*setting)
        return float(rank_all(NEIGHBOURS, tried.scores(validation, truth), validation, truth).ndcg(PLACES).mean())

    return fitted.with_settings(*max(settings, key=quality))


def popularity_scores(truth: Truth) -> Scores:
    return lambda rows: np.broadcast_to(truth.counts.astype(np.float32), (len(rows), len(truth.counts)))
