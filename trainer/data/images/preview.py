"""The first pictures of files, before anything is prepared: sizes, forms, classes, what is wrong."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from trainer.data.images.decode import DAMAGED, BrokenImageError, open_image, upright
from trainer.data.images.drawing import draw_box
from trainer.data.images.files import TABLE_ENDINGS, picture_paths
from trainer.data.images.gather import Reader
from trainer.data.images.reading import RawImage, read_images
from trainer.data.images.recipe import ImageRecipe
from trainer.data.images.tables import label_rows
from trainer.data.preview import Preview, PreviewFile, PreviewRow
from trainer.data.skipped import SkipCounter
from trainer.data.sources import SourceSpec
from trainer.errors import InputError

SHOWN_SIDE = 72
BOXES_SIDE = 160
MAX_SHOWN = 40
MOST_COUNTED = 200
"""Pages write 200+ from here on, as they do of texts."""


def label_of(raw: RawImage) -> str:
    return raw.label


def preview(
    sources: Sequence[SourceSpec | str | Path],
    *,
    rows: int = 100,
    reader: Reader = read_images,
    marks: tuple[str, Callable[[RawImage], str]] = ("class", label_of),
) -> Preview:
    """Return the first pictures of the sources; what is wrong is said in the result, not raised.

    `marks` is the column that says what a picture shows, and the words for it; boxes are drawn.
    """
    specs = [source if isinstance(source, SourceSpec) else SourceSpec(path=str(source)) for source in sources]
    result, skips = Preview(columns=["picture", marks[0], "size", "form"]), SkipCounter(1 << 30)
    if all(PurePosixPath(spec.display_name).suffix.lower() in TABLE_ENDINGS for spec in specs):
        return _table(specs, skips, rows)
    try:
        result.num_files = min(len(picture_paths(specs)), MOST_COUNTED)
        for number, raw in enumerate(reader(specs, skips), start=1):
            if number > rows:
                break
            try:
                image = open_image(raw.data, max_pixels=ImageRecipe().read.max_pixels)
                values = {
                    marks[0]: marks[1](raw),
                    "size": f"{image.width} x {image.height}",
                    "form": image.format or "",
                }
                if number <= MAX_SHOWN:
                    values["picture"] = _thumbnail(image, raw)
            except BrokenImageError as error:
                skips.broken("broken picture", raw.where, str(error))
                continue
            result.files.append(PreviewFile(raw.where, values["form"], ""))
            result.rows.append(PreviewRow(raw.where, 0, values))
    except InputError as error:
        result.error = str(error)
    result.skipped = skips.as_report()
    result.warnings += [f"{skip['reason']} ({skip['count']}): {skip['examples'][0]}" for skip in result.skipped[:5]]
    if not result.rows and not result.error:
        result.error = result.warnings[0] if result.warnings else "The files hold no pictures."
    return result


def _table(specs: list[SourceSpec], skips: SkipCounter, rows: int) -> Preview:
    """Return what a table of labels says; the pictures come in other files."""
    try:
        found = list(islice(label_rows(specs, skips), rows))
    except InputError as error:
        return Preview(error=str(error))
    result = Preview(columns=["path", "class"], num_files=len(specs))
    for path, label, _ in found:
        result.rows.append(PreviewRow(specs[0].display_name, 0, {"path": path, "class": label}))
    if not result.rows:
        result.error = "The table holds no row with a path and a label."
    return result


def _thumbnail(image: Image.Image, raw: RawImage) -> str:
    """Return a small copy as a data URL. Decoding happens here, in the limited child process."""
    try:
        small = upright(image).convert("RGB")
    except DAMAGED as error:
        raise BrokenImageError(f"cut short or damaged ({error})") from error
    sides = np.array(small.size)
    small.thumbnail((BOXES_SIDE, BOXES_SIDE) if raw.boxes else (SHOWN_SIDE, SHOWN_SIDE))
    scale = np.tile(small.size / sides, 2)
    names = sorted({box.label for box in raw.boxes or ()})
    for box in raw.boxes or ():
        corners = np.array(box.corners) * (np.tile(small.size, 2) if box.is_relative else scale)
        if np.isfinite(corners).all():
            draw_box(small, corners, names.index(box.label))
    out = io.BytesIO()
    small.save(out, format="JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode()
