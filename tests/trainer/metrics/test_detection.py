"""Average precision of boxes is what pycocotools says, crowds, ties and classes without anything included."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from trainer.metrics.detection import OVERLAPS, average_precisions, match_pictures, summary
from trainer.metrics.detection_report import detection_report
from trainer.metrics.labels import Floats
from trainer.metrics.report import Picture

NUM_CLASSES = 5


def made_up(seed: int, *, num_pictures: int = 40) -> tuple[list[Floats], list[Floats]]:
    """Return what is found and what is there: moved copies of the truth, wrong labels, inventions, crowds, equal scores."""
    chance = np.random.default_rng(seed)
    found, there = [], []
    for _ in range(num_pictures):
        num = int(chance.integers(0, 8))
        corners = chance.uniform(0, 80, (num, 2))
        boxes = [corners, corners + chance.uniform(3, 60, (num, 2))]
        truth = np.column_stack([*boxes, chance.integers(0, 4, num), chance.random(num) < 0.1])
        copies = np.repeat(truth, chance.integers(0, 3, num), axis=0)
        moved = copies[:, :4] + chance.normal(0, 3, (len(copies), 4))
        told = np.column_stack([moved, copies[:, 4], chance.random(len(copies)).round(2)])
        told[:, 2:4] = np.maximum(told[:, 2:4], told[:, :2] + 0.5)
        is_wrong = chance.random(len(told)) < 0.15
        told[is_wrong, 4] = chance.integers(0, NUM_CLASSES, int(is_wrong.sum()))
        at = chance.uniform(0, 70, (int(chance.integers(0, 4)), 2))
        more = np.column_stack([at, at + 20, chance.integers(0, NUM_CLASSES, len(at)), chance.random(len(at)).round(2)])
        found.append(np.vstack([told, more]))
        there.append(truth)
    return found, there


def cocos_own(found: list[Floats], there: list[Floats]) -> COCOeval:
    """Return pycocotools' evaluation."""
    coco = COCO()
    coco.dataset = {
        "info": {},
        "images": [{"id": i} for i in range(len(there))],
        "categories": [{"id": k} for k in range(NUM_CLASSES)],
        "annotations": [
            {"id": 100 * i + j + 1, "image_id": i, "category_id": int(row[4]), "iscrowd": int(row[5]),
             "bbox": [row[0], row[1], row[2] - row[0], row[3] - row[1]],
             "area": (row[2] - row[0]) * (row[3] - row[1])}
            for i, rows in enumerate(there) for j, row in enumerate(rows)
        ],
    }  # fmt: skip
    told = [
        {"image_id": i, "category_id": int(row[4]), "score": row[5], "bbox": [*row[:2], row[2] - row[0], row[3] - row[1]]}
        for i, rows in enumerate(found) for row in rows
    ]  # fmt: skip
    with contextlib.redirect_stdout(io.StringIO()):
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(told), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation


@pytest.mark.parametrize("seed", range(6))
def test_average_precision_is_pycocotools_own(seed: int) -> None:
    found, there = made_up(seed)
    theirs = (
        cocos_own(found, there).eval["precision"][:, :, :, 0, 2].mean(axis=1)
    )  # (T, K): every size, at most 100 boxes
    ours = average_precisions(match_pictures(found, there, num_classes=NUM_CLASSES))
    assert ours.shape == theirs.shape == (len(OVERLAPS), NUM_CLASSES)
    assert np.isnan(ours[:, 4]).all()  # told, and never there
    assert (theirs[:, 4] == -1).all()
    np.testing.assert_allclose(ours[:, :4], theirs[:, :4], atol=1e-12)
    assert 0.05 < summary(ours)["map50_95"] < summary(ours)["map50"] < 1


@pytest.mark.parametrize("seed", range(3))
def test_all_twelve_figures_are_pycocotools_own(seed: int) -> None:
    """By size and by the boxes that count, too: where there are things of every size, and crowds of every size."""
    found, there = ([boxes * ([3] * 4 + [1] * 2) for boxes in each] for each in made_up(seed))
    theirs = cocos_own(found, there).stats
    report = detection_report(
        split="test", names=list("abcde"), found=found, there=there, documents=np.arange(len(found)),
        show=lambda i, mine, truth: Picture(image="", caption=str(i), is_right=False),
    )  # fmt: skip
    _, by_size, by_count = (table.rows for table in report.tables)
    measures = {each.name: each.value for each in report.metrics}
    ours = [
        measures["map50_95"], measures["map50"], measures["map75"], *(row[2] for row in by_size),
        *(row[1] for row in by_count), *(row[4] for row in by_size),
    ]  # fmt: skip
    np.testing.assert_allclose(np.array(ours, float), theirs, atol=1e-12)
    assert len(set(ours)) >= 10


def test_weights_count_pictures_as_copies_of_them_would() -> None:
    found, there = made_up(7, num_pictures=12)
    weights = np.array([0, 1, 2, 3, 1, 0, 1, 1, 2, 1, 1, 1], np.float64)
    copies = [i for i, times in enumerate(weights.astype(int)) for _ in range(times)]
    matched = match_pictures(found, there, num_classes=NUM_CLASSES)
    copied = match_pictures([found[i] for i in copies], [there[i] for i in copies], num_classes=NUM_CLASSES)
    a, b = average_precisions(matched, weights), average_precisions(copied)
    assert np.isnan(a).tolist() == np.isnan(b).tolist()
    # copies of a box are told one after another, so that precision between them differs a little
    np.testing.assert_allclose(np.nan_to_num(a), np.nan_to_num(b), atol=0.02)


def test_report_has_intervals_classes_and_the_worst_pictures_first() -> None:
    found, there = made_up(1)
    report = detection_report(
        split="test", names=list("abcde"), found=found, there=there, documents=np.arange(len(found)),
        show=lambda i, mine, truth: Picture(image="", caption=str(i), is_right=False),
    )  # fmt: skip
    measures = {each.name: each for each in report.metrics}
    assert set(measures) == {"map50_95", "map50", "map75"}
    assert measures["map50"].low < measures["map50"].value < measures["map50"].high  # type: ignore[operator]
    rows = {row[0]: row[1:] for row in report.tables[0].rows}
    assert rows["e"][0] == 0
    assert rows["e"][1] is None
    assert len(report.pictures) == 16
    assert len(report.correct) == report.num_examples == 40


def test_nothing_found_is_zero_and_nothing_there_is_unknown() -> None:
    box = np.array([[0, 0, 10, 10, 0, 0]], np.float64)
    none = np.empty((0, 6))
    assert summary(average_precisions(match_pictures([none], [box], num_classes=1)))["map50"] == 0
    assert np.isnan(summary(average_precisions(match_pictures([none], [none], num_classes=1)))["map50"])
