"""Measures of predicted labels. Each takes a weight for every example, so that a bootstrap draws weights, not copies.

    N examples, C labels; truth (N,) of numbers, probabilities (N, C), weights (N,)

A measure that has no value on the examples at hand (an AUROC without a negative) is NaN, not 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Measure = Callable[[Floats], float]
"""Weights (N,) -> value."""


def confusion_matrix(truth: Ints, predicted: Ints, *, num_labels: int, weights: Floats | None = None) -> Floats:
    """Return counts (C, C): rows are what is true, columns what was predicted."""
    cells = np.bincount(truth * num_labels + predicted, weights=weights, minlength=num_labels**2)
    matrix: Floats = cells.reshape(num_labels, num_labels).astype(np.float64)
    return matrix


def f1_by_label(confusion: Floats) -> Floats:
    """Return F1 of each label (C,); NaN for one that neither is nor was predicted."""
    hits, there, said = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    scores: Floats = _ratio(2 * hits, there + said)
    return scores


def accuracy(confusion: Floats) -> float:
    return float(_ratio(np.trace(confusion), confusion.sum()))


def macro_f1(confusion: Floats) -> float:
    """Return the mean F1 of the labels that occur, so that a rare one counts as much as a common one."""
    scores = f1_by_label(confusion)[confusion.sum(axis=1) > 0]
    return float(np.nan_to_num(scores).mean()) if len(scores) else float("nan")


def matthews(confusion: Floats) -> float:
    """Return Matthews' correlation coefficient for any number of labels (Gorodkin 2004): 0 is chance, 1 is perfect."""
    total, hits = confusion.sum(), np.trace(confusion)
    there, said = confusion.sum(axis=1), confusion.sum(axis=0)
    above = hits * total - there @ said
    below = np.sqrt(total**2 - said @ said) * np.sqrt(total**2 - there @ there)
    return float(above / below) if below > 0 else 0.0


def auroc(is_positive: NDArray[np.bool_], scores: Floats, weights: Floats) -> float:
    """Return the probability that a positive example scores above a negative one; ties count half."""
    order = np.argsort(scores, kind="stable")
    return auroc_of_sorted(is_positive[order], scores[order], weights[order])


def auroc_of_sorted(is_positive: NDArray[np.bool_], scores: Floats, weights: Floats) -> float:
    """The same, scores ascending: a bootstrap sorts only once."""
    positive, negative = weights * is_positive, weights * ~is_positive
    begins = np.flatnonzero(np.r_[True, np.diff(scores) > 0])
    positive, negative = np.add.reduceat(positive, begins), np.add.reduceat(negative, begins)
    below = np.cumsum(negative) - negative
    pairs = positive.sum() * negative.sum()
    return float((positive * (below + negative / 2)).sum() / pairs) if pairs > 0 else float("nan")


def aurocs_of_sorted(is_positive: NDArray[np.bool_], scores: Floats) -> Callable[[Floats], Floats]:
    """Return the function from weights (C, N) to the AUROC of each row (C,), its scores ascending: a bootstrap asks it a
    thousand times, and all labels at once take little longer than one. NaN where one side has no weight."""
    begins_tie = np.ones(scores.shape, dtype=bool)  # so does each row
    begins_tie[:, 1:] = np.diff(scores, axis=1) > 0
    ties = np.flatnonzero(begins_tie)
    rows = np.searchsorted(ties, np.arange(len(scores)) * scores.shape[1])
    sizes, there = np.diff(rows, append=len(ties)), is_positive.ravel()

    def measure(weights: Floats) -> Floats:
        drawn = weights.ravel()
        positive, negative = (np.add.reduceat(drawn * side, ties) for side in (there, ~there))
        before = np.cumsum(negative) - negative
        below = before - np.repeat(before[rows], sizes)
        above = np.add.reduceat(positive * (below + negative / 2), rows)
        pairs = np.add.reduceat(positive, rows) * np.add.reduceat(negative, rows)
        areas: Floats = _ratio(above, np.where(pairs > 0, pairs, np.nan))
        return areas

    return measure


def calibration_bins(confidence: Floats, is_right: NDArray[Any], weights: Floats, num_bins: int = 15) -> Floats:
    """Return (bins, 3): weight, sum of confidence and sum of right answers of equal-width bins of confidence."""
    place = np.minimum((confidence * num_bins).astype(np.int64), num_bins - 1)
    columns = (weights, weights * confidence, weights * is_right)
    return np.stack([np.bincount(place, weights=column, minlength=num_bins) for column in columns], axis=1)


def calibration_error(bins: Floats) -> float:
    """Return the expected calibration error: the mean gap between confidence and share of right answers (Guo 2017)."""
    total = bins[:, 0].sum()
    return float(np.abs(bins[:, 1] - bins[:, 2]).sum() / total) if total > 0 else float("nan")


def _ratio(above: Any, below: Any) -> Any:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.divide(above, below)
