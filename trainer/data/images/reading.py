"""Pictures out of zips and single files, with their labels: from the folder they lie in, or from a table beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from trainer.data.images.files import IMAGE_ENDINGS, TABLE_ENDINGS, members, picture_paths
from trainer.data.images.naming import Folders, Pictures
from trainer.data.images.tables import read_labels
from trainer.data.skipped import SkipCounter
from trainer.data.sources import SourceSpec
from trainer.errors import InputError


@dataclass(frozen=True, slots=True)
class RawImage:
    """One picture as it lies in its file."""

    data: bytes
    where: str
    """File, and member of it for a zip."""

    label: str = ""

    boxes: Sequence[RawBox] | None = None
    """What is marked in it; None where the data has no boxes."""

    folder: str = ""
    """The whole folder that says the class; empty where none does."""

    split: int = -1
    """0, 1 or 2 where it lies in a folder for training, validation or test; -1 where folders do not say it."""


@dataclass(frozen=True, slots=True)
class RawBox:
    """One marked thing, as its file says it."""

    label: str

    corners: tuple[float, float, float, float]
    """Left, top, right, bottom."""

    is_relative: bool
    """From 0 to 1 of the picture's sides; otherwise in pixels."""

    where: str
    """File and line, for people."""

    is_crowd: bool = False
    """Marks many things at once: neither learnt nor counted as missed."""


def read_images(sources: list[SourceSpec], skips: SkipCounter) -> Iterator[RawImage]:
    """Yield every picture of the sources in order; raise `InputError` when there is none at all."""
    paths = picture_paths(sources)
    folders, labels = Folders(paths.values()), read_labels(sources, Pictures(paths), skips)
    for source in sources:
        for path, where, data in members(source, skips, IMAGE_ENDINGS, others=TABLE_ENDINGS):
            if data is None:
                continue
            if labels is None:
                label, folder = folders.class_of(path), folders.folder_of(path)
            else:
                label, folder = labels.get(where, ""), ""
            yield RawImage(data, where, label, folder=folder, split=folders.split_of(path))
    if not paths:
        names = ", ".join(source.display_name for source in sources[:3])
        raise InputError(
            f"No picture was found in {names}. Upload JPEG, PNG, WebP, GIF, BMP or TIFF files, or a zip of them with a folder "
            "for each class."
        )
