"""How SASRec learns: an example is a user's sequence, or a stretch of it where it is longer than the model reads."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from trainer.data.interactions.features import Bags
from trainer.data.interactions.store import InteractionSplit
from trainer.errors import InputError
from trainer.formats.graph import Graph
from trainer.models.sasrec.cutting import cut
from trainer.models.sasrec.model import Sasrec
from trainer.models.sasrec.spec import SasrecSpec
from trainer.recommend.examples import tensors
from trainer.recommend.graph import ScoreGraph, score_graph
from trainer.recommend.task import RecommenderTask
from trainer.training.task import Batch


class SasrecTask(RecommenderTask):
    def make(self) -> Sasrec:
        assert isinstance(self.model_spec, SasrecSpec)
        return Sasrec(
            self.model_spec,
            self.items,
            num_item_features=len(self.item_feature_names),
            dropout=self.spec.regularisation.dropout,
        )

    def cut(self, weights: dict[str, Tensor], source: SasrecSpec) -> dict[str, Tensor]:
        assert isinstance(self.model_spec, SasrecSpec)
        return cut(weights, source, self.model_spec)

    def graph(self, model: nn.Module) -> Graph:
        assert isinstance(model, Sasrec)
        sasrec = model

        def score(history: Tensor, mask: Tensor, *, items: Tensor) -> Tensor:
            return sasrec.read_vectors(items[history], mask)[:, -1] @ items.T

        module = ScoreGraph(sasrec, score, items=sasrec.all_item_vectors())
        longest = sasrec.spec.max_history
        return score_graph(module, num_items=len(self.items), num_user_features=0, longest=longest)

    def stretches(self, split: InteractionSplit) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return user and end of each stretch to learn from, counted back from each user's latest item."""
        if split.name not in self._stretches:
            length, starts = self.model_spec.max_history, split.own.starts
            counts = np.maximum(-(-(np.diff(starts) - 1) // length), 0)  # n items are n - 1 things to foretell
            users = np.repeat(np.arange(split.num_users), counts)
            place = np.arange(len(users)) - np.repeat(np.cumsum(counts) - counts, counts)
            self._stretches[split.name] = users, starts[users + 1] - place * length
        return self._stretches[split.name]

    def __init__(self, *given: object) -> None:
        super().__init__(*given)  # type: ignore[arg-type]
        self._stretches: dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}

    def num_examples(self, split: InteractionSplit) -> int:
        if not (count := len(self.stretches(split)[0])):
            raise InputError(
                f"no user in the {split.name} split has two interactions, so there is no order to learn from"
            )
        return count

    def batch(self, split: InteractionSplit, examples: np.ndarray) -> Batch:
        users, ends = (array[examples] for array in self.stretches(split))
        starts, places = split.own.places(users, ends, self.model_spec.max_history + 1)
        history = Bags(starts, np.asarray(split.own.items[places]))
        weights = torch.from_numpy(np.asarray(split.weights[places], np.float32))
        return {**tensors(history, self.examples(split).user_features.of(users)), "history_weights": weights}
