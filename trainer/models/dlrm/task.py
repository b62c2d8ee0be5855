"""How a DLRM learns: an example is an interaction; the item taken is told from others, each by yes or no."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trainer.formats.graph import Graph
from trainer.models.dlrm.cutting import cut
from trainer.models.dlrm.model import Dlrm
from trainer.models.dlrm.spec import DlrmSpec
from trainer.recommend.graph import ScoreGraph, mean_of, score_graph
from trainer.recommend.task import RecommenderTask


class DlrmTask(RecommenderTask):
    def make(self) -> Dlrm:
        assert isinstance(self.model_spec, DlrmSpec)
        return Dlrm(
            self.model_spec,
            self.items,
            num_user_features=len(self.user_feature_names),
            num_item_features=len(self.item_feature_names),
            dropout=self.spec.regularisation.dropout,
        )

    def cut(self, weights: dict[str, Tensor], source: DlrmSpec) -> dict[str, Tensor]:
        assert isinstance(self.model_spec, DlrmSpec)
        return cut(weights, source, self.model_spec)

    def graph(self, model: nn.Module) -> Graph:
        assert isinstance(model, Dlrm)
        dlrm = model
        histories, features = (dlrm.history_embedding or dlrm.item_embedding), dlrm.user_feature_embedding
        looked_up, counts = dlrm.item_side(torch.arange(len(self.items), device=dlrm.catalogue.counts.device))

        def score(history: Tensor, mask: Tensor, *described: Tensor, looked_up: Tensor, counts: Tensor) -> Tensor:
            found = [mean_of(histories, history, mask)]
            if features is not None:
                found.append(mean_of(features, *described))
            users = torch.stack(found, dim=1), mask.sum(dim=1).float().log1p()
            return dlrm.grid(users, (looked_up, counts))

        return score_graph(
            ScoreGraph(dlrm, score, looked_up=looked_up, counts=counts),
            num_items=len(self.items),
            num_user_features=len(self.user_feature_names),
            longest=self.model_spec.max_history,
        )
