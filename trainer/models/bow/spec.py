"""Settings of the bag-of-words family. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, replace

from trainer.families import Family
from trainer.limits import check_at_least


@dataclass(frozen=True, kw_only=True, slots=True)
class BowSpec:
    """Tells a document's label from which tokens it holds, whatever their order."""

    width: int = 64
    """Numbers that stand for each token; a document is their mean."""

    def __post_init__(self) -> None:
        check_at_least("model.width", self.width, 1)


def shrunk(model: BowSpec, keep: float) -> BowSpec:
    """Return the settings with that share of the numbers of each token."""
    return replace(model, width=max(1, round(model.width * keep)))


FAMILY = Family(
    name="bow",
    title="Bag of words",
    summary="Tells labels apart: learns which words a kind of document holds.",
    spec_type=BowSpec,
    presets={"tiny": BowSpec(width=16), "small": BowSpec(width=64), "large": BowSpec(width=256)},
    data_kind="text",
    task="trainer.models.bow.task:BowTask",
    abilities=frozenset({"predict", "explain"}),
    shrunk=shrunk,
    prunable=frozenset({"width"}),
)
