"""Which way a measure is good."""

from __future__ import annotations

HIGHER_IS_BETTER = (
    "accuracy", "auroc", "bleu", "chrf", "correct", "coverage", "exact", "f1", "hit_rate", "map50", "map75", "mcc", "mrr",
    "ndcg", "novelty", "precision", "recall", "reward", "right", "rouge", "spearman", "win_rate",
)  # fmt: skip
"""Words in the names of measures that are better the higher they are."""


def lower_is_better(metric: str) -> bool:
    """Say which way a measure is good: losses, errors and bits down, scores up. `validation/` and the like are no part."""
    name = metric.rpartition("/")[2]
    return not any(word in name for word in HIGHER_IS_BETTER)
