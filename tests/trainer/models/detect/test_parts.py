"""The parts of a detector against figures worked out by hand."""

from __future__ import annotations

import pytest
import torch

from trainer.errors import SpecError
from trainer.models.detect.augment import mirror, rescale, vary
from trainer.models.detect.boxes import giou, iou_matrix, suppress
from trainer.models.detect.model import places_of
from trainer.models.detect.spec import FAMILY, DetectSpec
from trainer.models.detect.targets import NOTHING, assign, centreness_of

A, B, FAR = [0.0, 0.0, 10.0, 10.0], [5.0, 0.0, 15.0, 10.0], [20.0, 0.0, 30.0, 10.0]


def test_overlaps_by_hand() -> None:
    boxes = torch.tensor([A, B, FAR])
    torch.testing.assert_close(iou_matrix(boxes, boxes)[0], torch.tensor([1.0, 1 / 3, 0.0]))
    # apart by 10 of 30: nothing shared, a third of what is around them empty
    torch.testing.assert_close(giou(boxes[:1], boxes[2:]), torch.tensor([-1 / 3]))
    torch.testing.assert_close(giou(boxes[:1], boxes[:1]), torch.tensor([1.0]))


def test_of_boxes_found_twice_the_surer_stays_and_other_labels_do_not_count() -> None:
    boxes = torch.tensor([A, [1.0, 0.0, 11.0, 10.0], A, FAR])
    scores, labels = torch.tensor([0.6, 0.9, 0.5, 0.4]), torch.tensor([0, 0, 1, 0])
    assert suppress(boxes, scores, labels, threshold=0.5, limit=10).tolist() == [1, 2, 3]
    assert suppress(boxes, scores, labels, threshold=0.5, limit=2).tolist() == [1, 2]
    assert suppress(boxes[:0], scores[:0], labels[:0], threshold=0.5, limit=2).tolist() == []


def test_places_learn_the_smallest_box_that_suits_their_level() -> None:
    places, strides = places_of(128, (8, 16))
    large, small = [0.0, 0.0, 128.0, 128.0], [48.0, 48.0, 72.0, 72.0]
    boxes = torch.tensor([[large, small, A]])
    own = assign(places, strides, boxes, torch.tensor([2]))[0]
    at = {tuple(place.tolist()): int(number) for place, number in zip(places[:256], own[:256], strict=True)}
    assert at[(60.0, 60.0)] == 1  # both hold it, the smaller one is its own
    assert at[(4.0, 4.0)] == NOTHING  # far from the middle of the large one; the third is not meant
    assert (own[256:] == 0).any()  # the coarse level is for the large one
    assert not (own[256:] == 1).any()
    middle = centreness_of(torch.tensor([[60.0, 60.0], [49.0, 60.0]]), torch.tensor([small, small]))
    torch.testing.assert_close(middle, torch.tensor([1.0, (1 / 23) ** 0.5]))


def bright(pictures: torch.Tensor) -> list[list[float]]:
    """Return the box of what is bright in each picture."""
    found = []
    for picture in pictures[:, 0]:
        rows, columns = (torch.where((picture > 0.5).any(dim=d))[0] for d in (1, 0))
        found.append([float(columns[0]), float(rows[0]), float(columns[-1]) + 1, float(rows[-1]) + 1])
    return found


def test_boxes_move_with_their_pictures() -> None:
    torch.manual_seed(0)
    pictures = torch.zeros(12, 1, 64, 64)
    pictures[:, :, 20:40, 12:36] = 1
    boxes = torch.tensor([[[12.0, 20.0, 36.0, 40.0]]]).expand(12, 1, 4)
    mirrored = mirror(boxes, 64)
    assert mirrored[0, 0].tolist() == [28.0, 20.0, 52.0, 40.0]
    assert bright(pictures.flip(3))[0] == mirrored[0, 0].tolist()
    moved, told = rescale(pictures, boxes, 0.3)
    torch.testing.assert_close(told[:, 0], torch.tensor(bright(moved)), atol=1.01, rtol=0)
    assert (told[:, 0, 2] - told[:, 0, 0]).std() > 1
    varied, told = vary(pictures, boxes, DetectSpec(colour_fraction=0.0))
    torch.testing.assert_close(told[:, 0], torch.tensor(bright(varied)), atol=1.01, rtol=0)


def test_a_box_that_was_moved_out_is_empty() -> None:
    torch.manual_seed(1)
    pictures, boxes = torch.zeros(50, 1, 32, 32), torch.tensor([[[28.0, 28.0, 32.0, 32.0]]]).expand(50, 1, 4)
    _, told = rescale(pictures, boxes, 0.9)
    areas = (told[..., 2:] - told[..., :2]).prod(-1)
    assert (areas == 0).any()
    assert (areas > 0).any()


def test_wrong_settings_are_named() -> None:
    with pytest.raises(SpecError, match=r"model\.pyramid_width is 30"):
        DetectSpec(pyramid_width=30)
    assert FAMILY.presets["resnet50"].strides(512) == (8, 16, 32, 64, 128)
    assert DetectSpec(finest_stride="4").strides(256) == (4, 8, 16, 32)
