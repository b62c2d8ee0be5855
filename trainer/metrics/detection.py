"""How well boxes were found: average precision as COCO counts it (Lin et al. 2014), the same as pycocotools to rounding.

Per class and per intersection over union from 0.50 to 0.95, what was found is matched to what is there, the surest first;
precision is read at 101 levels of recall. Crowds, and boxes of other sizes where one is asked for, are neither missed nor wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.metrics.labels import Floats

OVERLAPS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0.0, 1.0, 101)
MOST = 100
"""Boxes of a class and a picture that count, the surest."""


Range = tuple[float, float]
EVERY_SIZE: Range = (0.0, float("inf"))
SIZES: dict[str, Range] = {
    "small": (0, 32**2),
    "medium": (32**2, 96**2),
    "large": (96**2, float("inf")),
}
"""Square pixels of a box."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Matched:
    """What was found in some pictures, judged. D boxes over all pictures and classes, T overlaps."""

    picture: NDArray[np.int64]
    label: NDArray[np.int64]
    score: Floats
    is_right: NDArray[np.bool_]
    """(T, D)."""

    is_ignored: NDArray[np.bool_]
    """(T, D): it lies on a crowd, or is of another size."""

    num_there: NDArray[np.int64]
    """(pictures, classes): boxes to be found, crowds and those of other sizes not counted."""


def match_pictures(
    found: Sequence[Floats],
    there: Sequence[Floats],
    *,
    num_classes: int,
    sizes: Range = EVERY_SIZE,
    most: int = MOST,
) -> Matched:
    """Judge what was found in each picture, of boxes of those sizes, with the `most` surest of a class.

    `found` holds (D, 6) a picture: left, top, right, bottom, label, score; `there` (G, 6): the same with 1 for a crowd last.
    """
    parts: list[tuple[NDArray[np.int64], Floats, Floats, NDArray[np.bool_], NDArray[np.bool_]]] = []
    num_there = np.zeros((len(found), num_classes), np.int64)
    for picture, (boxes, truth) in enumerate(zip(found, there, strict=True)):
        labels = truth[:, 4].astype(np.int64)
        is_counted = (truth[:, 5] == 0) & ~is_outside(truth, sizes)
        num_there[picture] = np.bincount(labels[is_counted], minlength=num_classes)[:num_classes]
        for label in np.unique(boxes[:, 4]):
            mine = boxes[boxes[:, 4] == label]
            mine = mine[np.argsort(-mine[:, 5], kind="mergesort")][:most]
            right, ignored = match_class(mine[:, :4], truth[labels == label], sizes)
            places = np.full(len(mine), picture, np.int64)
            parts.append((places, mine[:, 4].astype(np.float64), mine[:, 5].astype(np.float64), right, ignored))
    if not parts:
        empty = np.zeros((len(OVERLAPS), 0), bool)
        none = np.empty(0, np.int64)
        return Matched(
            picture=none, label=none, score=np.empty(0), is_right=empty, is_ignored=empty, num_there=num_there
        )
    pictures, classes, scores, rights, ignores = zip(*parts, strict=True)
    return Matched(
        picture=np.concatenate(pictures), label=np.concatenate(classes).astype(np.int64), score=np.concatenate(scores),
        is_right=np.concatenate(rights, axis=1), is_ignored=np.concatenate(ignores, axis=1), num_there=num_there,
    )  # fmt: skip


def is_outside(boxes: Floats, sizes: Range) -> NDArray[np.bool_]:
    """Return whether each box (N, 4 or more) is of another size."""
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    outside: NDArray[np.bool_] = (area < sizes[0]) | (area > sizes[1])
    return outside


def match_class(boxes: Floats, truth: Floats, sizes: Range) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return (T, D) whether each box, surest first, hits something not yet taken, and whether it does not count.

    What is to be found is hit first; then crowds, which are never taken, and things of other sizes, which are.
    """
    right = np.zeros((len(OVERLAPS), len(boxes)), bool)
    ignored = np.tile(is_outside(boxes, sizes), (len(OVERLAPS), 1))
    if not len(truth):
        return right, ignored
    is_crowd = truth[:, 5] > 0
    is_aside = is_crowd | is_outside(truth, sizes)
    overlap = overlaps(boxes.astype(np.float64), truth[:, :4].astype(np.float64), is_crowd)  # (D, G)
    taken = np.zeros((len(OVERLAPS), len(truth)), bool)
    least = np.minimum(OVERLAPS, 1 - 1e-10)[:, None]
    rows = np.arange(len(OVERLAPS))
    for number, row in enumerate(overlap):
        is_enough = row[None] >= least
        is_free = is_enough & (~taken | is_crowd)
        chosen, hits = _best(np.where(is_free & ~is_aside, row, -1.0))
        beside, hits_beside = _best(np.where(is_free & is_aside, row, -1.0))
        right[:, number] = hits
        ignored[:, number] = ~hits & (hits_beside | ignored[:, number])
        hits_beside &= ~hits
        taken[rows[hits], chosen[hits]] = True
        taken[rows[hits_beside], beside[hits_beside]] = True
    return right, ignored


def _best(scores: Floats) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the last of the best columns of each row, and whether there is one at all."""
    last = scores.shape[1] - 1 - scores[:, ::-1].argmax(axis=1)
    return last, scores.max(axis=1) >= 0


def overlaps(boxes: Floats, truth: Floats, is_crowd: NDArray[np.bool_]) -> Floats:
    """Return intersection over union (D, G); over the box alone where the truth is a crowd."""
    low = np.maximum(boxes[:, None, :2], truth[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], truth[None, :, 2:])
    inside = np.clip(high - low, 0, None).prod(axis=2)
    mine = np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(axis=1)[:, None]
    theirs = np.clip(truth[:, 2:] - truth[:, :2], 0, None).prod(axis=1)[None]
    union = np.where(is_crowd[None], mine, mine + theirs - inside)
    found: Floats = inside / np.maximum(union, 1e-12)
    return found


def average_precisions(matched: Matched, weights: Floats | None = None) -> Floats:
    """Return the average precision (T, classes); NaN where nothing of a class is there. `weights` counts pictures."""
    num_classes = matched.num_there.shape[1]
    weights = np.ones(len(matched.num_there)) if weights is None else weights
    num_there = weights @ matched.num_there
    found = np.full((len(OVERLAPS), num_classes), np.nan)
    for label in np.flatnonzero(num_there > 0):
        mine = np.flatnonzero(matched.label == label)
        mine = mine[np.argsort(-matched.score[mine], kind="mergesort")]
        counted = weights[matched.picture[mine]]
        right = np.cumsum(matched.is_right[:, mine] * counted, axis=1)
        is_wrong = ~matched.is_right[:, mine] & ~matched.is_ignored[:, mine]
        wrong = np.cumsum(is_wrong * counted, axis=1)
        found[:, label] = [area_under(r, w, float(num_there[label])) for r, w in zip(right, wrong, strict=True)]
    return found


def average_recalls(matched: Matched) -> Floats:
    """Return the share (T, classes) of what is there that was found; NaN where nothing of a class is there."""
    num_there = matched.num_there.sum(axis=0)
    hits = np.stack([np.bincount(matched.label[row], minlength=len(num_there)) for row in matched.is_right])
    found: Floats = np.where(num_there > 0, hits / np.maximum(num_there, 1), np.nan)
    return found


def area_under(right: Floats, wrong: Floats, num_there: float) -> float:
    """Return the mean precision at 101 levels of recall, of running counts by falling certainty."""
    if not len(right):
        return 0.0
    recall, precision = right / num_there, right / np.maximum(right + wrong, np.spacing(1))
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(recall, RECALLS, side="left")
    return float(np.where(at < len(precision), precision[np.minimum(at, len(precision) - 1)], 0.0).mean())


def summary(precisions: Floats) -> dict[str, float]:
    """Return the usual figures of average precisions (T, classes); NaN where no class has anything to find."""
    whole = precisions[:, ~np.isnan(precisions).all(axis=0)]
    if not whole.size:
        return dict.fromkeys(("map50_95", "map50", "map75"), float("nan"))
    return {"map50_95": float(whole.mean()), "map50": float(whole[0].mean()), "map75": float(whole[5].mean())}
