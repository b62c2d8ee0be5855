"""Pictures with what a detector found in them, for people; and its answer about one picture of theirs."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trainer.data.images.boxes import to_square
from trainer.data.images.decode import open_image, upright
from trainer.data.images.drawing import draw_box
from trainer.data.images.recipe import ImageRecipe, ResizeStep
from trainer.metrics.detection import match_pictures
from trainer.metrics.detection_report import SURE, missed_and_wrong
from trainer.metrics.labels import Floats
from trainer.metrics.report import Picture

SHOWN_SIDE = 256


def draw(pixels: NDArray[np.uint8], found: Floats, there: Floats, names: Sequence[str], *, source: str) -> Picture:
    """Return the picture twice: on the left what is there, on the right what was told surely."""
    told = found[found[:, 5] >= SURE]
    sides = [_drawn(pixels, boxes) for boxes in (there, told)]
    both = Image.new("RGB", (2 * SHOWN_SIDE + 4, SHOWN_SIDE), "white")
    for number, side in enumerate(sides):
        both.paste(side, (number * (SHOWN_SIDE + 4), 0))
    missed, wrong = missed_and_wrong(match_pictures([found], [there], num_classes=len(names)))
    caption = ", ".join(f"{names[int(row[4])]} {row[5]:.2f}" for row in told[:8]) or "nothing"
    if missed[0] or wrong[0]:
        caption += f" ({missed[0]} missed, {wrong[0]} wrong)"
    return Picture(image=_url(both), caption=caption, is_right=not missed[0] and not wrong[0], source=source)


def draw_shown(pixels: NDArray[np.uint8], there: Floats, names: Sequence[str]) -> Picture:
    """Return the picture with what is there, before anything was said of it."""
    caption = ", ".join(names[int(row[4])] for row in there[:8]) or "nothing"
    return Picture(image=_url(_drawn(pixels, there)), caption=caption, is_right=None)


def _url(image: Image.Image) -> str:
    out = io.BytesIO()
    image.save(out, format="JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode()


def _drawn(pixels: NDArray[np.uint8], boxes: Floats) -> Image.Image:
    image = Image.fromarray(pixels if pixels.shape[-1] == 3 else pixels[..., 0]).convert("RGB")
    image = image.resize((SHOWN_SIDE, SHOWN_SIDE), Image.Resampling.BICUBIC)
    for row in boxes:
        draw_box(image, row[:4] * (SHOWN_SIDE / pixels.shape[0]), int(row[4]))
    return image


def answer(found: Floats, names: Sequence[str], data: bytes, side: int, method: str) -> dict[str, Any]:
    """Return boxes as shares of the sides of the picture that was sent, and each label with its greatest certainty."""
    image = upright(open_image(data, max_pixels=ImageRecipe().read.max_pixels))
    step = ResizeStep(side=side, method=method)  # type: ignore[arg-type]
    ends = to_square(np.array([0.0, 0.0, image.width, image.height]), image.width, image.height, step)
    origin, scale = np.tile(ends[:2], 2), np.tile(ends[2:] - ends[:2], 2)
    boxes = [
        {
            "label": names[int(row[4])],
            "number": int(row[4]),
            "probability": float(row[5]),
            "corners": np.clip((row[:4] - origin) / scale, 0, 1).round(4).tolist(),
        }
        for row in found
    ]
    best: dict[str, float] = {}
    for box in boxes:
        best[box["label"]] = max(best.get(box["label"], 0.0), box["probability"])
    labels = [{"label": label, "probability": p} for label, p in sorted(best.items(), key=lambda pair: -pair[1])]
    return {"labels": labels, "boxes": boxes}
