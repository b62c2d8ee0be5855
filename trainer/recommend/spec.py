"""Settings that all recommenders have. Imports no torch.

Sources: Bengio and Senécal 2008 (sampled softmax), Yi et al. 2019 (correction for popularity of negatives in a batch).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from trainer.errors import SpecError

RECOMMENDER: dict[str, Any] = {
    "data_kind": "interactions",
    "main_metric": "validation/ndcg_at_10",
    "abilities": frozenset({"recommend"}),
    "formats": ("folder", "onnx", "torch_export"),
    "free_settings": frozenset({"negatives", "num_negatives", "popularity_correction", "sparse_tables", "temperature"}),
    "calibration_presets": ("small",),
}
"""What the families of recommenders have in common."""

SETTINGS: dict[str, dict[str, Any]] = {
    "batch": {"sequence_length": 1, "sequences_per_step": 256},
    "optimizer": {"learning_rate": 3e-3, "weight_decay": 0.01, "beta2": 0.999},
    "regularisation": {"dropout": 0.5},
    "evaluation": {"sample_tokens": 0},
    "machine": {"compile": "off"},
}
"""What suits most of them."""


SPARSE_PAYS_ROWS = 200_000
"""Rows of a table from which on it pays to touch only those that a step has read: at 5,120 look-ups a step, on a processor, both
ways took as long at about 130,000 rows, and at a million the other way took nine times as long."""


def narrowed(width: int, keep: float, *, multiple: int = 1) -> int:
    """Return that share of a width, at least one number (for each of so many heads)."""
    return multiple * max(1, round(width * keep / multiple))


def wants_sparse(wish: str, num_rows: int) -> bool:
    """Return whether a table of so many rows is updated where it was read alone."""
    return wish == "on" or (wish == "auto" and num_rows >= SPARSE_PAYS_ROWS)


@dataclass(frozen=True, kw_only=True, slots=True)
class RecommenderSpec:
    """What every recommender can be told."""

    embedding_width: int = 32
    """Numbers that stand for each item, and for each value of a feature."""

    max_history: int = 50
    """Latest items of a user that the model reads."""

    negatives: Literal["in_batch", "uniform", "popularity", "all"] = "in_batch"
    """What is told apart from the item taken: other items of the batch, items drawn evenly or by popularity, or all items
    (exact, for catalogues of some thousands)."""

    num_negatives: int = 256
    """Items drawn for each step. In a batch: at most so many of its items."""

    popularity_correction: bool = True
    """Undo that popular items are drawn more often, so that they are not held down (logQ)."""

    sparse_tables: Literal["auto", "on", "off"] = "auto"
    """Update only the rows of the tables that a step has read: much faster where tables are large, with a plainer Adam.
    auto: from the size at which it pays."""

    def __post_init__(self) -> None:
        for name, low in (("embedding_width", 1), ("max_history", 1), ("num_negatives", 1)):
            if getattr(self, name) < low:
                raise SpecError(f"model.{name} is {getattr(self, name)}; it must be at least {low}")

    @property
    def context_length(self) -> int:
        return self.max_history
