"""Digits placed on noisy canvases, with the boxes that they fill: a task whose answer is known."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from trainer.data.boxes.reading import read_boxed_images
from trainer.data.boxes.recipe import BoxRecipe
from trainer.data.images.prepare import prepare
from trainer.data.sources import SourceSpec
from trainer.data.spec import PrepareSpec

INK = 60


def canvases(path: Path, *, num: int, side: int, classes: Sequence[int], most: int, seed: int = 0) -> Path:
    """Write a zip of pictures with a COCO file: up to `most` digits each, that do not overlap."""
    digits, chance = load_digits(), np.random.default_rng(seed)
    pool = np.flatnonzero(np.isin(digits.target, classes))
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(num):
            canvas = chance.integers(0, 40, (side, side), dtype=np.uint8)
            placed: list[tuple[int, ...]] = []
            for _ in range(chance.integers(1, most + 1)):
                which = int(chance.choice(pool))
                size = int(chance.integers(20, 33))
                pixels = Image.fromarray((digits.images[which] * 15.9).astype(np.uint8))
                ink = np.asarray(pixels.resize((size, size), Image.Resampling.BICUBIC))
                rows, columns = np.where(ink > INK)
                for _try in range(30):
                    x, y = (int(value) for value in chance.integers(0, side - size, 2))
                    box = (x + columns.min(), y + rows.min(), x + columns.max() + 1, y + rows.max() + 1)
                    if not any(overlaps(box, other) for other in placed):
                        canvas[y : y + size, x : x + size] = np.maximum(canvas[y : y + size, x : x + size], ink)
                        placed.append(box)
                        bbox = [int(box[0]), int(box[1]), int(box[2] - box[0]), int(box[3] - box[1])]
                        annotations.append(
                            {"id": len(annotations) + 1, "image_id": number, "bbox": bbox,
                             "category_id": int(digits.target[which])}
                        )  # fmt: skip
                        break
            out = io.BytesIO()
            Image.fromarray(canvas).save(out, "PNG")
            archive.writestr(f"images/{number:05}.png", out.getvalue())
            images.append({"id": number, "file_name": f"{number:05}.png", "width": side, "height": side})
        categories = [{"id": digit, "name": str(digit)} for digit in classes]
        whole = {"images": images, "annotations": annotations, "categories": categories}
        archive.writestr("instances.json", json.dumps(whole, indent=1))
    return path


def overlaps(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def prepared_canvases(folder: Path, **sizes: Any) -> Path:
    """Return a prepared version of canvases."""
    source = SourceSpec(path=str(canvases(folder / "digits.zip", **sizes)))
    recipe = BoxRecipe.from_dict({"resize": {"side": sizes["side"], "channels": "grey"}})
    prepare(
        PrepareSpec(sources=[source], data_kind="boxes", recipe=recipe), folder / "version", reader=read_boxed_images
    )
    return folder / "version"
