"""Pictures made up for tests: coloured cells, so that no two are alike unless they are meant to be."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image


def picture(seed: int, *, size: tuple[int, int] = (60, 50)) -> Image.Image:
    cells = np.random.default_rng(seed).integers(0, 255, (5, 5, 3), dtype=np.uint8)
    return Image.fromarray(cells).resize(size, Image.Resampling.BICUBIC)


def encoded(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def zip_of(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def classes(*, num_each: int = 30) -> dict[str, bytes]:
    """Return members of a zip: three classes in folders of their own."""
    names = ("猫", "dog", "bird")
    return {
        f"{name}/{i}.png": encoded(picture(1_000 * number + i))
        for number, name in enumerate(names)
        for i in range(num_each)
    }
