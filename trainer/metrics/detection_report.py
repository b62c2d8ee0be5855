"""The report of an evaluation of boxes: average precisions with intervals, a table by class, pictures to look at."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from trainer.metrics.bootstrap import Interval, interval
from trainer.metrics.change import Change
from trainer.metrics.detection import (
    MOST,
    SIZES,
    Matched,
    average_precisions,
    average_recalls,
    match_pictures,
    summary,
)
from trainer.metrics.labels import Floats
from trainer.metrics.report import EvaluationReport, Picture, Table

MIN_DRAWS, MAX_DRAWS = 40, 300
WORK = 4e7
"""Boxes found times draws that a report may take."""

NUM_PICTURES = 16
MEANING = "Left what is there, right what the model told with a certainty of at least one half."
SURE = 0.5
"""From this certainty on a box counts as told, in the table by class."""


def detection_report(
    *, split: str, names: Sequence[str], found: Sequence[Floats], there: Sequence[Floats], documents: NDArray[np.int64],
    show: Callable[[int, Floats, Floats], Picture], notes: Sequence[str] = (),
) -> EvaluationReport:  # fmt: skip
    """Return the report of a split: boxes found and there, a picture each, as `match_pictures` has them.

    `show` draws a picture, by its place in the lists, with what was found and what is there.
    """
    matched = match_pictures(found, there, num_classes=len(names))
    precisions = average_precisions(matched)
    worst = worst_pictures(matched)
    return EvaluationReport(
        split=split,
        num_examples=len(found),
        metrics=intervals(matched, precisions),
        notes=list(notes),
        tables=[Table(title="by class", columns=["class", "boxes", "ap50_95", "ap50", "precision", "recall"],
                      rows=class_rows(names, matched, precisions)),
                Table(title="by size of the box", columns=["size", "boxes", "ap50_95", "ap50", "recall50_95"],
                      rows=size_rows(found, there, num_classes=len(names))),
                Table(title="by the boxes of a class and picture that count", columns=["at most", "recall50_95"],
                      rows=count_rows(found, there, num_classes=len(names)))],
        pictures=[show(int(i), found[i], there[i]) for i in worst[:NUM_PICTURES]],
        pictures_meaning=MEANING,
        documents=[int(i) for i in documents],
        correct=whole_pictures(matched).astype(int).tolist(),
    )  # fmt: skip


def intervals(matched: Matched, precisions: Floats) -> list[Interval]:
    """Return the figures with their 95 % intervals over draws of as many pictures with replacement."""
    drawn = drawn_figures(matched)
    return [interval(name, value, drawn[name]) for name, value in summary(precisions).items()]


def drawn_figures(matched: Matched, *, num_draws: int | None = None) -> dict[str, Floats]:
    """Return each figure in each draw. The draws of as many pictures are the same ones, so that two models are paired."""
    num_pictures, chance = len(matched.num_there), np.random.default_rng(0)
    num_draws = num_draws or affordable_draws(matched)
    share = np.full(num_pictures, 1 / max(num_pictures, 1))
    drawn = [
        summary(average_precisions(matched, chance.multinomial(num_pictures, share).astype(np.float64)))
        for _ in range(num_draws if num_pictures > 1 else 0)
    ]
    return {name: np.array([draw[name] for draw in drawn]) for name in summary(average_precisions(matched))}


def affordable_draws(matched: Matched) -> int:
    return int(np.clip(WORK / max(10 * matched.score.size, 1), MIN_DRAWS, MAX_DRAWS))


def changes_of_precision(before: Matched, after: Matched) -> list[Change]:
    """Return how the figures of two models on the same pictures differ; a hard picture is hard for both, and cancels."""
    num_draws = min(affordable_draws(before), affordable_draws(after))
    drawn = [drawn_figures(matched, num_draws=num_draws) for matched in (before, after)]
    values = [summary(average_precisions(matched)) for matched in (before, after)]
    found = []
    for name in values[0]:
        gap = interval(name, values[1][name] - values[0][name], drawn[1][name] - drawn[0][name])
        if gap.value is not None:
            found.append(Change(metric=name, before=values[0][name], after=values[1][name], low=gap.low, high=gap.high))
    return found


def class_rows(names: Sequence[str], matched: Matched, precisions: Floats) -> list[list[object]]:
    """Return a row a class; precision and recall are those of boxes of at least one half certainty, at an overlap of 0.5."""
    rows: list[list[object]] = []
    is_sure = matched.score >= SURE
    for label, name in enumerate(names):
        mine = (matched.label == label) & is_sure
        hits, ignored = int(matched.is_right[0, mine].sum()), int(matched.is_ignored[0, mine].sum())
        num_there, told = int(matched.num_there[:, label].sum()), int(mine.sum()) - ignored
        ap = precisions[:, label]
        rows.append(
            [name, num_there, _known(float(ap.mean())), _known(float(ap[0])), hits / told if told else None,
             hits / num_there if num_there else None]
        )  # fmt: skip
    return rows


def size_rows(found: Sequence[Floats], there: Sequence[Floats], *, num_classes: int) -> list[list[object]]:
    """Return a row a size, in pixels of the square that the model sees; other boxes are neither missed nor wrong there."""
    rows: list[list[object]] = []
    for name, sizes in SIZES.items():
        matched = match_pictures(found, there, num_classes=num_classes, sizes=sizes)
        told = summary(average_precisions(matched))
        words = {"small": "small, below 32 x 32 pixels", "medium": "medium", "large": "large, above 96 x 96"}[name]
        figures = told["map50_95"], told["map50"], mean_known(average_recalls(matched))
        rows.append([words, int(matched.num_there.sum()), *map(_known, figures)])
    return rows


def count_rows(found: Sequence[Floats], there: Sequence[Floats], *, num_classes: int) -> list[list[object]]:
    """Return the recall where the surest box, ten or a hundred of a class and a picture count."""
    counts = (1, 10, MOST)
    each = [match_pictures(found, there, num_classes=num_classes, most=most) for most in counts]
    return [[most, _known(mean_known(average_recalls(matched)))] for most, matched in zip(counts, each, strict=True)]


def mean_known(values: Floats) -> float:
    """Return the mean of those that are known; NaN where none is."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")


def whole_pictures(matched: Matched) -> NDArray[np.bool_]:
    """Say of each picture whether all that is there was found, at an overlap of 0.5, and nothing else was told surely."""
    missed, wrong = missed_and_wrong(matched)
    found: NDArray[np.bool_] = (missed == 0) & (wrong == 0)
    return found


def worst_pictures(matched: Matched) -> NDArray[np.int64]:
    """Return the numbers of the pictures, those with the most missed and wrongly told first."""
    missed, wrong = missed_and_wrong(matched)
    return np.argsort(-(missed + wrong), kind="stable")


def missed_and_wrong(matched: Matched) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return for each picture how many boxes were missed, and how many were told surely where there are none."""
    num = len(matched.num_there)
    is_sure = matched.score >= SURE
    hits = np.bincount(matched.picture[is_sure & matched.is_right[0]], minlength=num)
    wrong = np.bincount(matched.picture[is_sure & ~matched.is_right[0] & ~matched.is_ignored[0]], minlength=num)
    return matched.num_there.sum(axis=1) - hits, wrong


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None
