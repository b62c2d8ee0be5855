"""Settings of two-tower models. Imports no torch. Sources: Covington et al. 2016; Yi et al. 2019."""

from __future__ import annotations

from dataclasses import dataclass, replace

from trainer.families import Family
from trainer.limits import check_above, check_at_least, check_fraction
from trainer.recommend.spec import RECOMMENDER, SETTINGS, RecommenderSpec, narrowed


@dataclass(frozen=True, kw_only=True, slots=True)
class TwoTowerSpec(RecommenderSpec):
    """Retrieval: finds items for users in catalogues of any size, and can be searched by an index."""

    tower_layers: int = 1
    """Dense layers of each tower."""

    tower_width: int = 64
    """Width of the layers of a tower, and of the vectors that come out."""

    tied_items: bool = True
    """One table of items for both towers: less memory, and better where data is scarce."""

    temperature: float = 0.1
    """Scores are cosines divided by this; smaller is sharper."""

    id_dropout: float = 0.1
    """Share of items that in training are known by their features alone, so that features learn to tell a cold item."""

    def __post_init__(self) -> None:
        super(TwoTowerSpec, self).__post_init__()
        for name in ("tower_layers", "tower_width"):
            check_at_least(f"model.{name}", getattr(self, name), 1)
        check_above("model.temperature", self.temperature, 0)
        check_fraction("model.id_dropout", self.id_dropout, below_one=True)

    @property
    def tower(self) -> tuple[int, ...]:
        return (self.tower_width,) * self.tower_layers


def shrunk(model: TwoTowerSpec, keep: float) -> TwoTowerSpec:
    """Return the settings with that share of the numbers in tables and towers."""
    return replace(
        model, embedding_width=narrowed(model.embedding_width, keep), tower_width=narrowed(model.tower_width, keep)
    )


FAMILY = Family(
    name="two_tower",
    title="Two-tower recommender",
    summary="Finds what to recommend: users and items become vectors that lie close where they go together.",
    spec_type=TwoTowerSpec,
    presets={
        "tiny": TwoTowerSpec(embedding_width=16, tower_width=32),
        "small": TwoTowerSpec(),
        "medium": TwoTowerSpec(embedding_width=64, tower_width=128, tower_layers=2, num_negatives=1_024),
        "large": TwoTowerSpec(embedding_width=128, tower_width=256, tower_layers=3, num_negatives=4_096),
    },
    unit="interaction",
    task="trainer.models.two_tower.task:TwoTowerTask",
    calibration_examples=256,
    defaults=SETTINGS,
    shrunk=shrunk,
    prunable=frozenset({"embedding_width", "tower_width"}),
    **RECOMMENDER,
)
