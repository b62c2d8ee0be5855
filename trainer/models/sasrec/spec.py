"""Settings of SASRec. Imports no torch. Sources: Kang and McAuley 2018; Klenitskiy and Vasilev 2023 (its loss)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from trainer.errors import SpecError
from trainer.families import Family
from trainer.limits import check_at_least
from trainer.recommend.spec import RECOMMENDER, SETTINGS, RecommenderSpec, narrowed


@dataclass(frozen=True, kw_only=True, slots=True)
class SasrecSpec(RecommenderSpec):
    """Reads the order of what a user took: for shops, music and news, where what comes next depends on what came last."""

    num_layers: int = 2
    """Transformer blocks."""

    num_heads: int = 2
    """Heads of each block; must divide the width of embeddings."""

    feed_forward_width: int = 0
    """Width inside the feed-forward network of a block. 0: that of the embeddings, as published."""

    def __post_init__(self) -> None:
        super(SasrecSpec, self).__post_init__()
        check_at_least("model.num_layers", self.num_layers, 1)
        if self.num_heads < 1 or self.embedding_width % self.num_heads:
            raise SpecError(
                f"model.num_heads ({self.num_heads}) must divide model.embedding_width ({self.embedding_width})"
            )
        check_at_least("model.feed_forward_width", self.feed_forward_width, 0)

    @property
    def inner(self) -> int:
        return self.feed_forward_width or self.embedding_width


def shrunk(model: SasrecSpec, keep: float) -> SasrecSpec:
    """Return the settings with that share of the numbers in the stream, inside each head and between."""
    inner = model.feed_forward_width and narrowed(model.feed_forward_width, keep)
    width = narrowed(model.embedding_width, keep, multiple=model.num_heads)
    return replace(model, embedding_width=width, feed_forward_width=inner)


FAMILY = Family(
    name="sasrec",
    title="Sequence recommender (SASRec)",
    summary="Foretells what a user takes next from the order of what it took before.",
    spec_type=SasrecSpec,
    presets={
        "tiny": SasrecSpec(embedding_width=32, num_layers=1),
        "small": SasrecSpec(embedding_width=64),
        "medium": SasrecSpec(embedding_width=128, num_heads=4, max_history=100, num_negatives=1_024),
        "large": SasrecSpec(
            embedding_width=256,
            num_heads=4,
            num_layers=4,
            max_history=200,
            num_negatives=4_096,
            feed_forward_width=1_024,
        ),
    },
    unit="example",
    task="trainer.models.sasrec.task:SasrecTask",
    calibration_examples=64,
    defaults={
        **SETTINGS,
        "batch": {"sequence_length": 1, "sequences_per_step": 64},
        "optimizer": {"learning_rate": 1e-3, "weight_decay": 0.01, "beta2": 0.98},
        "regularisation": {"dropout": 0.2},
    },
    shrunk=shrunk,
    prunable=frozenset({"embedding_width", "feed_forward_width"}),
    **RECOMMENDER,
)
