"""How two towers learn: an example is an interaction; the item taken is told from others."""

from __future__ import annotations

from trainer.models.two_tower.model import TwoTower
from trainer.models.two_tower.spec import TwoTowerSpec
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
