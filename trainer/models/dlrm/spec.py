"""Settings of DLRM-like rankers. Imports no torch. Source: Naumov et al. 2019."""

from __future__ import annotations

from dataclasses import dataclass, replace

from trainer.families import Family
from trainer.limits import check_at_least, check_fraction
from trainer.recommend.spec import RECOMMENDER, SETTINGS, RecommenderSpec, narrowed

NUM_DENSE = 2
"""Numbers that the bottom network reads: how long the user's history is, and how popular the item."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DlrmSpec(RecommenderSpec):
    """Ranking: weighs a user against an item with all that is known of both. Slower than two towers over a whole catalogue."""

    bottom_width: int = 32
    """Width of the hidden layer that reads numbers."""

    top_width: int = 64
    """Width of the hidden layers that weigh the products."""

    top_layers: int = 1
    """Hidden layers that weigh the products."""

    tied_items: bool = True
    """One table for items in a history and for items to be weighed."""

    id_dropout: float = 0.1
    """Share of items that in training are known by their features alone, so that features learn to tell a cold item."""

    def __post_init__(self) -> None:
        super(DlrmSpec, self).__post_init__()
        for name in ("bottom_width", "top_width", "top_layers"):
            check_at_least(f"model.{name}", getattr(self, name), 1)
        check_fraction("model.id_dropout", self.id_dropout, below_one=True)

    @property
    def bottom(self) -> tuple[int, ...]:
        return (NUM_DENSE, self.bottom_width, self.embedding_width)

    @property
    def top(self) -> tuple[int, ...]:
        return (*(self.top_width,) * self.top_layers, 1)


def shrunk(model: DlrmSpec, keep: float) -> DlrmSpec:
    """Return the settings with that share of the numbers in tables and hidden layers."""
    return replace(
        model, embedding_width=narrowed(model.embedding_width, keep), top_width=narrowed(model.top_width, keep),
        bottom_width=narrowed(model.bottom_width, keep),
    )  # fmt: skip


FAMILY = Family(
    name="dlrm",
    title="Ranking recommender (DLRM)",
    summary="Weighs a user against an item: products of every pair of what is known of both, weighed by a network.",
    spec_type=DlrmSpec,
    presets={
        "tiny": DlrmSpec(embedding_width=16, negatives="popularity", num_negatives=64),
        "small": DlrmSpec(negatives="popularity"),
        "medium": DlrmSpec(embedding_width=64, top_width=256, top_layers=2, negatives="popularity"),
        "large": DlrmSpec(embedding_width=128, bottom_width=128, top_width=512, top_layers=3, negatives="popularity"),
    },
    unit="interaction",
    task="trainer.models.dlrm.task:DlrmTask",
    calibration_examples=256,
    defaults=SETTINGS,
    shrunk=shrunk,
    prunable=frozenset({"embedding_width", "top_width", "bottom_width"}),
    **RECOMMENDER,
)
