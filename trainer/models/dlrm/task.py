"""How a DLRM learns: an example is an interaction; the item taken is told from others, each by yes or no."""

from __future__ import annotations

from trainer.models.dlrm.model import Dlrm
from trainer.models.dlrm.spec import DlrmSpec
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
