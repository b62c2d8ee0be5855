"""COCO's JSON: pictures, categories, and boxes as left, top, width, height in pixels."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from trainer.data.images.reading import ByPath, RawBox
from trainer.data.skipped import SkipCounter
from trainer.errors import InputError


@dataclass(slots=True)
class CocoPictures:
    """What COCO files say of each picture."""

    pictures: ByPath[int] = field(default_factory=ByPath)
    boxes: list[list[RawBox]] = field(default_factory=list)

    def of(self, path: str) -> list[RawBox] | None:
        number = self.pictures.of(path)
        return None if number is None else self.boxes[number]


def read_coco(data: bytes, where: str, into: CocoPictures, skips: SkipCounter) -> None:
    """Add what a file says; raise `InputError` with the place where it is no COCO file."""
    try:
        text = data.decode("utf-8-sig")
        found = json.loads(text)
    except UnicodeDecodeError as error:
        raise InputError(f"{where} is not UTF-8 (byte {error.start:,}); save it as UTF-8.") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where} is not JSON ({error}); correct it.") from None
    if not isinstance(found, dict) or not isinstance(found.get("images"), list):
        raise InputError(f"{where} is no COCO file: it needs the lists images, annotations and categories.")
    names = _names(found.get("categories"), where)
    numbers: dict[Any, int] = {}
    for picture in found["images"]:
        is_whole = isinstance(picture, dict) and isinstance(picture.get("id"), int | str)
        if not is_whole or not isinstance(picture.get("file_name"), str):
            raise InputError(f"{where}: an entry of images lacks id or file_name: {str(picture)[:120]}")
        numbers[picture["id"]] = len(into.boxes)
        into.pictures.add(picture["file_name"], len(into.boxes))
        into.boxes.append([])
    for index, annotation in enumerate(found.get("annotations") or []):
        box = _box(annotation, names, numbers)
        if isinstance(box, str):
            skips.broken("bad box", f"{where} {_place(text, annotation, index)}", box)
            continue
        number, label, corners, is_crowd = box
        place = f"{where} {_place_name(annotation, index)}"
        into.boxes[number].append(RawBox(label, corners, is_relative=False, where=place, is_crowd=is_crowd))


def _names(categories: Any, where: str) -> dict[Any, str]:
    if not isinstance(categories, list) or not categories:
        raise InputError(f"{where} has no categories; a COCO file lists them as id and name.")
    try:
        return {category["id"]: str(category["name"]) for category in categories}
    except (TypeError, KeyError) as error:
        raise InputError(f"{where}: an entry of categories lacks id or name ({error}).") from None


def _box(
    annotation: Any, names: dict[Any, str], numbers: dict[Any, int]
) -> tuple[int, str, tuple[float, float, float, float], bool] | str:
    """Return picture, label, corners and whether it is a crowd; a sentence where the entry cannot be used."""
    if not isinstance(annotation, dict):
        return "it is no object"
    image, category = annotation.get("image_id"), annotation.get("category_id")
    number = numbers.get(image) if isinstance(image, int | str) else None
    label = names.get(category) if isinstance(category, int | str) else None
    if number is None:
        return f"image_id {image!r} is not among the images"
    if label is None:
        return f"category_id {category!r} is not among the categories"
    bbox = annotation.get("bbox")
    if not isinstance(bbox, list) or len(bbox) != 4 or not all(isinstance(v, int | float) for v in bbox):
        return f"bbox is {str(bbox)[:80]}; it must be [left, top, width, height]"
    left, top, width, height = map(float, bbox)
    if not (width > 0 and height > 0 and isfinite(left + top + width + height)):
        return f"bbox is {bbox}; its width and height must be above 0"
    return number, label, (left, top, left + width, top + height), bool(annotation.get("iscrowd"))


def _place(text: str, annotation: Any, index: int) -> str:
    """Return the line of an annotation, found by its id, and its name."""
    name = _place_name(annotation, index)
    start = text.find('"annotations"')
    identity = annotation.get("id") if isinstance(annotation, dict) else None
    found = re.compile(rf'"id"\s*:\s*{re.escape(json.dumps(identity))}\b').search(text, max(start, 0))
    return f"line {text.count(chr(10), 0, found.start()) + 1:,}, {name}" if found and identity is not None else name


def _place_name(annotation: Any, index: int) -> str:
    identity = annotation.get("id") if isinstance(annotation, dict) else None
    return f"annotations[{index}]" + (f" (id {identity})" if identity is not None else "")
