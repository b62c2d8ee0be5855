"""Pictures with their boxes, out of zips and folders: COCO JSON, or YOLO text files beside the pictures.

COCO: one or more JSON files with `images`, `annotations` and `categories`. YOLO: a text file of the same name for each
picture, in the same folder or in `labels/` where pictures lie in `images/`; names of classes in data.yaml, classes.txt or
obj.names. Both may be in one upload; what a COCO file says of a picture comes first.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from trainer.data.boxes.coco import CocoPictures, read_coco
from trainer.data.boxes.yolo import YoloPictures, read_yolo
from trainer.data.images.reading import IMAGE_ENDINGS, RawImage, members
from trainer.data.opening import check_source
from trainer.data.skipped import SkipCounter
from trainer.data.sources import SourceSpec
from trainer.errors import InputError

ANNOTATION_ENDINGS = {".json", ".txt", ".yaml", ".yml", ".names"}


def read_boxed_images(sources: list[SourceSpec], skips: SkipCounter) -> Iterator[RawImage]:
    """Yield every picture with its boxes, in order; raise `InputError` where there are no pictures or no boxes at all."""
    for source in sources:
        check_source(source)
    coco, yolo = read_annotations(sources, skips)
    has_boxes = has_pictures = False
    for source in sources:
        for path, where, data in members(source, skips, IMAGE_ENDINGS, others=ANNOTATION_ENDINGS):
            if data is None:
                continue
            has_pictures = True
            said = coco.of(path), yolo.of(path, skips)
            boxes = said[1] if said[0] is None else said[0]
            has_boxes = has_boxes or bool(boxes)
            yield RawImage(data, where, boxes=boxes or ())
    names = ", ".join(source.display_name for source in sources[:3])
    if not has_pictures:
        raise InputError(
            f"No picture was found in {names}. Upload JPEG, PNG, WebP, GIF, BMP or TIFF files, or a zip of them."
        )
    if not has_boxes:
        raise InputError(
            f"No picture in {names} has a box. Add a COCO JSON file (images, annotations, categories) whose file names are "
            "those of the pictures, or a YOLO text file for each picture (class, centre x, centre y, width, height)."
        )
    for path in coco.pictures.unasked():
        skips.passed_over("in the COCO file, but no picture is there", path)
    for where in yolo.unasked():
        skips.passed_over("text file without a picture of its name", where)


def read_annotations(sources: list[SourceSpec], skips: SkipCounter) -> tuple[CocoPictures, YoloPictures]:
    """Return what all annotation files among the sources say."""
    coco, yolo = CocoPictures(), YoloPictures()
    for source in sources:
        for path, where, data in members(source, skips, ANNOTATION_ENDINGS, counts=False):
            if data is None:
                continue
            if PurePosixPath(path).suffix.lower() == ".json":
                read_coco(data, where, coco, skips)
            else:
                read_yolo(data, path, where, yolo)
    return coco, yolo
