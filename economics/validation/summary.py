"""Sum predictions up: errors by group and cluster, interval score, coverage, baselines."""

from __future__ import annotations

from math import log
from statistics import median
from typing import Any

import numpy as np

from economics.uncertainty import coverage_of, interval_score_log
from economics.validation.predictions import Prediction


def weighted_median(values: list[float], weights: list[float]) -> float:
    """Return the value at which half of the weight is reached.

    >>> weighted_median([1.0, 2.0, 10.0], [1.0, 1.0, 1.0])
    2.0
    """
    order = np.argsort(values)
    total = np.cumsum(np.array(weights)[order])
    return float(np.array(values)[order][int(np.searchsorted(total, 0.5 * total[-1]))])


def _weights(predictions: list[Prediction]) -> list[float]:
    counts = {p.cluster: sum(q.cluster == p.cluster for q in predictions) for p in predictions}
    return [1.0 / counts[p.cluster] for p in predictions]


def summarise(predictions: list[Prediction]) -> dict[str, Any]:
    """Return the summary of one group, clusters weighing the same."""
    weights = _weights(predictions)
    errors = [abs(p.log_error) for p in predictions]
    result: dict[str, Any] = {
        "num_rows": len(predictions),
        "num_clusters": len({p.cluster for p in predictions}),
        "median_abs_ln_error": weighted_median(errors, weights),
        "largest_abs_ln_error": max(errors),
        "mean_ln_error": float(np.average([p.log_error for p in predictions], weights=weights)),
        "interval_score": float(
            np.average([interval_score_log(p.predicted, p.measured) for p in predictions], weights=weights)
        ),
        "by_cluster": {
            cluster: {
                "num_rows": len(errors_of),
                "median_abs_ln_error": median(abs(e) for e in errors_of),
                "mean_ln_error": float(np.mean(errors_of)),
            }
            for cluster, errors_of in _by_cluster(predictions).items()
        },
    }
    for name in ("one_number", "nearest_row"):
        pairs = [(p, getattr(p, name), w) for p, w in zip(predictions, weights, strict=True) if getattr(p, name)]
        result[f"{name}_median_abs_ln_error"] = (
            weighted_median([abs(log(value / p.measured)) for p, value, _ in pairs], [w for *_, w in pairs])
            if pairs
            else None
        )
    return result


def _by_cluster(predictions: list[Prediction]) -> dict[str, list[float]]:
    out: dict[str, list[float]] = {}
    for p in predictions:
        out.setdefault(p.cluster, []).append(p.log_error)
    return out


def pooled_coverage(predictions: list[Prediction]) -> dict[str, Any]:
    """Return how many measurements fell within p10-p90, with the binomial band."""
    found = coverage_of([p.predicted for p in predictions], [p.measured for p in predictions])
    return {
        "num_rows": found.num_total,
        "fraction": found.fraction,
        "band_low": found.band_low,
        "band_high": found.band_high,
    }
