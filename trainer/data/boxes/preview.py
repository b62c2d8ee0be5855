"""The first pictures of files with their boxes drawn, before anything is prepared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from trainer.data.boxes.reading import read_boxed_images
from trainer.data.images import preview as images
from trainer.data.images.reading import RawImage
from trainer.data.preview import Preview
from trainer.data.sources import SourceSpec


def preview(sources: Sequence[SourceSpec | str | Path], *, rows: int = 100) -> Preview:
    """Return the first pictures of the sources; what is wrong is said in the result, not raised."""
    return images.preview(sources, rows=rows, reader=read_boxed_images, marks=("boxes", boxes_in_words))


def boxes_in_words(raw: RawImage) -> str:
    """Return what is marked in a picture: `2 dog, 1 cat`."""
    counted = Counter(box.label for box in raw.boxes or ())
    return ", ".join(f"{count} {label}" for label, count in counted.most_common()) or "none"
