"""Measures of entities found in texts, from counts by text and label. One counts as found where all of it is right."""

from __future__ import annotations

from trainer.metrics.labels import Floats, Measure


def entity_measures(hits: Floats, said: Floats, there: Floats) -> dict[str, Measure]:
    """Return F1 over all entities and its mean over labels, of counts (N, C) of entities found, said and there."""

    def f1(weights: Floats, *, by_label: bool) -> float:
        above, below = 2 * (weights @ hits), weights @ said + weights @ there
        if not by_label:
            return float(above.sum() / below.sum()) if below.sum() else 0.0
        occurs = below > 0
        return float((above[occurs] / below[occurs]).mean()) if occurs.any() else float("nan")

    return {
        "micro_f1": lambda weights: f1(weights, by_label=False),
        "macro_f1": lambda weights: f1(weights, by_label=True),
    }
