"""COCO's JSON: pictures, categories, and boxes as left, top, width, height in pixels."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from trainer.data.images.naming import Pictures
from trainer.data.images.reading import RawBox
from trainer.data.skipped import SkipCounter
from trainer.errors import InputError


@dataclass(slots=True)
class CocoPictures:
    """What COCO files say of each picture, by where it lies."""

    boxes: dict[str, list[RawBox]] = field(default_factory=dict)

    def add(self, picture: str, box: RawBox, skips: SkipCounter) -> None:
        """Add a box once: several files of one data set, such as for things and for poses, say some of them again."""
        if any((box.label, box.corners) == (other.label, other.corners) for other in self.boxes[picture]):
            skips.passed_over("box told twice", box.where)
        else:
            self.boxes[picture].append(box)


def read_coco(data: bytes, where: str, pictures: Pictures, into: CocoPictures, skips: SkipCounter) -> None:
    """Add what a file says; JSON of something else is counted, a COCO file that is wrong raises `InputError`."""
    try:
        text = data.decode("utf-8-sig")
        found = json.loads(text)
    except UnicodeDecodeError as error:
        raise InputError(f"{where} is not UTF-8 (byte {error.start:,}); save it as UTF-8.") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where} is not JSON ({error}); correct it.") from None
    if not isinstance(found, dict) or not isinstance(found.get("images"), list):
        skips.passed_over("JSON that is no COCO file: it has no list of images", where)
        return
    if not found.get("categories") and not any(
        "bbox" in each for each in _annotations(found) if isinstance(each, dict)
    ):
        skips.passed_over("COCO file without boxes, such as one of captions", where)
        return
    names, numbers = _names(found.get("categories"), where), _numbered(found["images"], where, pictures, skips)
    into.boxes |= {picture: [] for picture in numbers.values() if picture and picture not in into.boxes}
    for index, annotation in enumerate(_annotations(found)):
        box = _box(annotation, names, numbers)
        if isinstance(box, str):
            skips.broken("bad box", f"{where} {_place(text, annotation, index)}", box)
            continue
        picture, label, corners, is_crowd = box
        if picture:
            place = f"{where} {_place_name(annotation, index)}"
            into.add(picture, RawBox(label, corners, is_relative=False, where=place, is_crowd=is_crowd), skips)


def _annotations(found: dict[str, Any]) -> list[Any]:
    annotations = found.get("annotations")
    return annotations if isinstance(annotations, list) else []


def _numbered(images: list[Any], where: str, pictures: Pictures, skips: SkipCounter) -> dict[Any, str]:
    """Return where the picture of each id lies; empty where none is there."""
    numbers: dict[Any, str] = {}
    for entry in images:
        is_whole = isinstance(entry, dict) and isinstance(entry.get("id"), int | str)
        if not is_whole or not isinstance(entry.get("file_name"), str):
            raise InputError(f"{where}: an entry of images lacks id or file_name: {str(entry)[:120]}")
        name = entry["file_name"]
        if entry["id"] in numbers:
            raise InputError(f"{where}: two images have the id {entry['id']!r}, one of them {name}; ids must differ.")
        found, _ = pictures.meant_by(name, said_in=where)
        if not found:
            skips.passed_over("in the COCO file, but no picture is there", name)
        elif len(found) > 1:
            skips.broken(
                "picture that is not clear", where, f"{name} may be {found[0]} or {found[1]}; say its folder, too"
            )
        numbers[entry["id"]] = found[0] if len(found) == 1 else ""
    return numbers


def _names(categories: Any, where: str) -> dict[Any, str]:
    if not isinstance(categories, list) or not categories:
        raise InputError(f"{where} has no categories; a COCO file lists them as id and name.")
    try:
        return {category["id"]: str(category["name"]) for category in categories}
    except (TypeError, KeyError) as error:
        raise InputError(f"{where}: an entry of categories lacks id or name ({error}).") from None


def _box(
    annotation: Any, names: dict[Any, str], numbers: dict[Any, str]
) -> tuple[str, str, tuple[float, float, float, float], bool] | str:
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
