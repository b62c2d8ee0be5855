"""How two towers learn: an example is an interaction; the item taken is told from others."""

from __future__ import annotations

from torch import Tensor, nn

from trainer.formats.graph import Graph
from trainer.models.two_tower.cutting import cut
from trainer.models.two_tower.model import TwoTower
from trainer.models.two_tower.spec import TwoTowerSpec
from trainer.recommend.graph import ScoreGraph, mean_of, score_graph
from trainer.recommend.task import RecommenderTask


class TwoTowerTask(RecommenderTask):
    def make(self) -> TwoTower:
        assert isinstance(self.model_spec, TwoTowerSpec)
        return TwoTower(
            self.model_spec,
            self.items,
            num_user_features=len(self.user_feature_names),
            num_item_features=len(self.item_feature_names),
            dropout=self.spec.regularisation.dropout,
        )

    def cut(self, weights: dict[str, Tensor], source: TwoTowerSpec) -> dict[str, Tensor]:
        assert isinstance(self.model_spec, TwoTowerSpec)
        return cut(weights, source, self.model_spec)

    def graph(self, model: nn.Module) -> Graph:
        assert isinstance(model, TwoTower)
        towers = model
        histories, features = (towers.history_embedding or towers.item_embedding), towers.user_feature_embedding

        def score(history: Tensor, mask: Tensor, *described: Tensor, items: Tensor) -> Tensor:
            read = [mean_of(histories, history, mask)]
            if features is not None:
                read.append(mean_of(features, *described))
            return towers.user_of(read) @ items.T

        return score_graph(
            ScoreGraph(towers, score, items=towers.all_item_vectors()),
            num_items=len(self.items),
            num_user_features=len(self.user_feature_names),
            longest=self.model_spec.max_history,
        )
