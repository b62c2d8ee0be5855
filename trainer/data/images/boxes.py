"""Boxes brought to the square that a model sees: checked, moved with the picture, cut where the picture is cut."""

from __future__ import annotations

from math import isfinite

import numpy as np
from numpy.typing import NDArray

from trainer.data.images.decode import DecodedImage
from trainer.data.images.reading import RawBox, RawImage
from trainer.data.images.recipe import ResizeStep
from trainer.data.skipped import SkipCounter

LEAST_SIDE = 1.0
"""Pixels of the square; what is smaller there cannot be seen."""

LEAST_VISIBLE = 0.25
"""Of its area; a box that was cut to less is left out."""


def boxes_in_square(
    raw: RawImage, image: DecodedImage, step: ResizeStep, label_ids: dict[str, int], skips: SkipCounter
) -> NDArray[np.float32]:
    """Return (number, 6): left, top, right, bottom in pixels of the square, id of the label, 1 for a crowd.

    Boxes that are wrong count as broken, with file and line; `label_ids` gets the labels that are new.
    """
    rows = []
    for box in raw.boxes or ():
        corners = _in_pixels(box, image)
        if why := what_is_wrong(corners, image.width, image.height):
            skips.broken("bad box", box.where, why)
            continue
        moved = to_square(corners, image.width, image.height, step)
        cut = moved.clip(0, step.side)
        area, visible = _area(moved), _area(cut)
        if visible < LEAST_VISIBLE * area or min(cut[2] - cut[0], cut[3] - cut[1]) < LEAST_SIDE:
            skips.passed_over("box too small or cut away after resizing", box.where)
            continue
        rows.append([*cut, label_ids.setdefault(box.label, len(label_ids)), float(box.is_crowd)])
    return np.array(rows, np.float32).reshape(-1, 6)


def what_is_wrong(corners: NDArray[np.float64], width: int, height: int) -> str:
    """Return why a box cannot be used; empty if it can. What sticks out a little is cut, not refused."""
    left, top, right, bottom = corners
    if not all(isfinite(value) for value in corners):
        return "a coordinate is not a number"
    if right <= left or bottom <= top:
        return f"its width is {right - left:g} and its height {bottom - top:g}; both must be above 0"
    if right <= 0 or bottom <= 0 or left >= width or top >= height:
        return f"it lies outside the picture of {width} x {height} (from {left:g}, {top:g} to {right:g}, {bottom:g})"
    return ""


def to_square(corners: NDArray[np.float64], width: int, height: int, step: ResizeStep) -> NDArray[np.float64]:
    """Return corners where `decode.resize` brings them, not yet cut."""
    side = step.side
    if step.method == "stretch":
        scale, offset = np.array([side / width, side / height]), np.zeros(2)
    elif step.method == "pad":
        inside = np.array(
            [side, round(height / width * side)] if width > height else [round(width / height * side), side]
        )
        scale, offset = inside / (width, height), np.round((side - inside) * 0.5)
    else:
        scale = np.full(2, side / min(width, height))
        offset = -(np.array([width, height]) - min(width, height)) / 2 * scale
    moved: NDArray[np.float64] = corners * np.tile(scale, 2) + np.tile(offset, 2)
    return moved


def _in_pixels(box: RawBox, image: DecodedImage) -> NDArray[np.float64]:
    corners = np.array(box.corners, np.float64)
    sides = np.array([image.width, image.height, image.width, image.height], np.float64)
    return corners * sides if box.is_relative else corners


def _area(corners: NDArray[np.float64]) -> float:
    return float(max(corners[2] - corners[0], 0) * max(corners[3] - corners[1], 0))
