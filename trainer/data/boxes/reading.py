"""Pictures with their boxes, out of zips and folders: COCO JSON, or YOLO text files beside the pictures.

COCO: one or more JSON files with `images`, `annotations` and `categories`. YOLO: a text file of the same name for each
picture, in the same folder or in `labels/` where pictures lie in `images/`; names of classes in data.yaml, classes.txt or
obj.names. Both may be in one upload; what a COCO file says of a picture comes first.
"""

from __future__ import annotations

from collections.abc import Iterator

from trainer.data.boxes.coco import CocoPictures, read_coco
from trainer.data.boxes.yolo import YoloPictures, read_yolo
from trainer.data.images.files import IMAGE_ENDINGS, ending_of, members, picture_paths
from trainer.data.images.naming import Folders, Pictures
from trainer.data.images.reading import RawImage
from trainer.data.skipped import SkipCounter
from trainer.data.sources import SourceSpec
from trainer.errors import InputError

ANNOTATION_ENDINGS = {".json", ".txt", ".yaml", ".yml", ".names"}


def read_boxed_images(sources: list[SourceSpec], skips: SkipCounter) -> Iterator[RawImage]:
    """Yield every picture with its boxes, in order; raise `InputError` where there are no pictures or no boxes at all.

    A picture without a text file is empty. Where COCO files list the pictures, one that they leave out was never looked at.
    """
    paths = picture_paths(sources)
    folders = Folders(paths.values())
    coco, yolo = read_annotations(sources, Pictures(paths), skips)
    has_boxes = False
    for source in sources:
        for path, where, data in members(source, skips, IMAGE_ENDINGS, others=ANNOTATION_ENDINGS):
            if data is None:
                continue
            told = coco.boxes.get(where), yolo.of(source.display_name, path, skips)
            boxes = told[1] if told[0] is None else told[0]
            if boxes is None and coco.boxes:
                skips.passed_over("picture that no COCO file lists", where)
                continue
            has_boxes = has_boxes or bool(boxes)
            yield RawImage(data, where, boxes=boxes or (), split=folders.split_of(path))
    names = ", ".join(source.display_name for source in sources[:3])
    if not paths:
        raise InputError(
            f"No picture was found in {names}. Upload JPEG, PNG, WebP, GIF, BMP or TIFF files, or a zip of them."
        )
    if not has_boxes:
        raise InputError(
            f"No picture in {names} has a box. Add a COCO JSON file (images, annotations, categories) whose file names are "
            "those of the pictures, or a YOLO text file for each picture (class, centre x, centre y, width, height)."
        )
    for where in yolo.unasked():
        skips.passed_over("text file without a picture of its name", where)


def read_annotations(
    sources: list[SourceSpec], pictures: Pictures, skips: SkipCounter
) -> tuple[CocoPictures, YoloPictures]:
    """Return what all annotation files among the sources say."""
    coco, yolo = CocoPictures(), YoloPictures()
    for source in sources:
        for path, where, data in members(source, skips, ANNOTATION_ENDINGS):
            if data is None:
                continue
            if ending_of(path) == ".json":
                read_coco(data, where, pictures, coco, skips)
            else:
                read_yolo(data, source.display_name, path, where, yolo)
    return coco, yolo
