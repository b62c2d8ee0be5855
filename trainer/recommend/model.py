"""What every recommender is to the rest: it turns a batch of users into scores of items, and knows what describes items."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from trainer.data.interactions.store import Item
from trainer.training.task import Batch


class Catalogue(nn.Module):
    """Facts of the items, on the device of the model; they come with its assets and are no weights."""

    def __init__(self, items: Sequence[Item]) -> None:
        super().__init__()
        self.counts: Tensor
        self.is_known: Tensor
        self.features: Tensor
        self.feature_starts: Tensor
        lengths = torch.tensor([0, *(len(item.features) for item in items)])
        self._keep("counts", torch.tensor([item.count for item in items], dtype=torch.float32))
        self._keep("is_known", (self.counts > 0).float()[:, None])
        self._keep("features", torch.tensor([n for item in items for n in item.features], dtype=torch.int64))
        self._keep("feature_starts", lengths.cumsum(0))

    def _keep(self, name: str, tensor: Tensor) -> None:
        self.register_buffer(name, tensor, persistent=False)

    def __len__(self) -> int:
        return len(self.counts)

    def in_parts(self, size: int) -> Iterator[Tensor]:
        """Yield the numbers of all items, so many at a time."""
        for first in range(0, len(self), size):
            yield torch.arange(first, min(first + size, len(self)), device=self.counts.device)

    def feature_bags(self, items: Tensor) -> tuple[Tensor, Tensor]:
        """Return the features of some items as one flat list, and where those of each begin."""
        begins, ends = self.feature_starts[items], self.feature_starts[items + 1]
        lengths = ends - begins
        starts = lengths.cumsum(0) - lengths
        places = torch.arange(int(lengths.sum()), device=items.device)
        return self.features[places + (begins - starts).repeat_interleave(lengths)], starts


class Recommender(nn.Module):
    """Base of the models. `catalogue` knows the items."""

    def __init__(self, items: Sequence[Item]) -> None:
        super().__init__()
        self.catalogue = Catalogue(items)

    @abstractmethod
    def loss(self, batch: Batch) -> Tensor:
        """Return the mean loss of a batch."""

    @abstractmethod
    def score_all(self, batch: Batch) -> Tensor:
        """Return the score of every item for every user of a batch (B, N)."""

    @abstractmethod
    def user_points(self, batch: Batch) -> Tensor:
        """Return what stands for each user inside the model (B, D), to find those that are alike."""

    @abstractmethod
    def item_points(self, items: Tensor) -> Tensor:
        """Return what stands for some items inside the model (S, D)."""


class VectorRecommender(Recommender):
    """A recommender whose score is the product of a vector of the user and one of the item: it can be searched by an index."""

    @abstractmethod
    def user_vectors(self, batch: Batch) -> Tensor:
        """Return a vector of each user of a batch (B, D)."""

    @abstractmethod
    def item_vectors(self, items: Tensor) -> Tensor:
        """Return the vectors of some items (S, D)."""

    def user_points(self, batch: Batch) -> Tensor:
        return self.user_vectors(batch)

    def item_points(self, items: Tensor) -> Tensor:
        return self.item_vectors(items)

    def all_item_vectors(self, step: int = 65_536) -> Tensor:
        """Return the vectors of all items (N, D)."""
        return torch.cat([self.item_vectors(part) for part in self.catalogue.in_parts(step)])

    def score_all(self, batch: Batch) -> Tensor:
        return self.user_vectors(batch) @ self.all_item_vectors().T


def table(num_rows: int, width: int, *, sparse: bool, mode: str = "mean") -> nn.EmbeddingBag:
    """Return a table whose bags are looked up and added in one go."""
    made = nn.EmbeddingBag(num_rows, width, mode=mode, sparse=sparse)
    nn.init.normal_(made.weight, std=width**-0.5)
    return made


def chain(widths: Sequence[int], dropout: float = 0.0) -> nn.Sequential:
    """Return dense layers with a bend between them; the last one is straight."""
    layers: list[nn.Module] = []
    for number, (a, b) in enumerate(pairwise(widths)):
        layers += [nn.ReLU(), nn.Dropout(dropout)] if number else []
        layers.append(nn.Linear(a, b))
    return nn.Sequential(*layers)


def thinned(numbers: Tensor, starts: Tensor, fraction: float) -> tuple[Tensor, Tensor]:
    """Return bags without a fraction of what they hold, drawn at random."""
    stays = torch.rand(len(numbers), device=numbers.device) >= fraction
    kept = torch.cat([starts.new_zeros(1), stays.cumsum(0)])
    return numbers[stays], kept[starts]
