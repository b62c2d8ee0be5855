"""YOLO's text files: a line a box, `class centre_x centre_y width height`, as shares of the picture's sides."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from trainer.data.images.reading import RawBox
from trainer.data.skipped import SkipCounter
from trainer.errors import InputError

NAME_FILES = {"classes.txt", "obj.names", "labels.txt"}
PASSED_OVER = {
    "train.txt",
    "val.txt",
    "valid.txt",
    "test.txt",
    "readme.txt",
    "readme.roboflow.txt",
    "readme.dataset.txt",
}


Corners = tuple[float, float, float, float]


@dataclass(slots=True)
class YoloPictures:
    """What text files say of each picture, and the names of the classes. A text is read when its picture is asked for:
    only then are its lines boxes, and not words about the data."""

    texts: dict[str, dict[str, tuple[str, str]]] = field(default_factory=dict)
    """By upload, then by place in it: where the file lies, and what stands in it."""

    names: dict[int, str] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)
    """Where texts lie that went with a picture."""

    def of(self, source: str, path: str, skips: SkipCounter) -> list[RawBox] | None:
        """Return the boxes of a picture; None where no text file goes with it. Wrong lines are counted.

        Texts may come in a file of their own: an upload without any looks at the others.
        """
        uploads = [self.texts[source]] if source in self.texts else list(self.texts.values())
        found = [texts[place] for texts in uploads if (place := _place(path)) in texts]
        if not found:
            return None
        if len(found) > 1:
            raise InputError(
                f"{found[0][0]} and {found[1][0]} may both be of {source}: put texts and pictures in one zip."
            )
        (file, text), boxes = found[0], []
        self.asked.add(file)
        for number, line in enumerate(text.splitlines(), start=1):
            if line.strip():
                where = f"{file} line {number:,}"
                box = _box(line, self.names, where)
                if isinstance(box, str):
                    skips.broken("bad box", where, box)
                else:
                    boxes.append(box)
        return boxes

    def unasked(self) -> Iterator[str]:
        """Yield the text files that no picture goes with."""
        return (where for texts in self.texts.values() for where, _ in texts.values() if where not in self.asked)


def read_yolo(data: bytes, source: str, path: str, where: str, into: YoloPictures) -> None:
    """Add what a file says: names of classes, or the boxes of a picture."""
    name = PurePosixPath(path).name.lower()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{where} is not UTF-8 (byte {error.start:,}); save it as UTF-8.") from None
    if name.endswith((".yaml", ".yml")):
        _add_names(names_in_yaml(text), where, into)
    elif name in NAME_FILES or name.endswith(".names"):
        _add_names(dict(enumerate(line.strip() for line in text.splitlines() if line.strip())), where, into)
    elif name not in PASSED_OVER:
        into.texts.setdefault(source, {})[_place(path)] = where, text


def _add_names(names: dict[int, str], where: str, into: YoloPictures) -> None:
    for number, name in names.items():
        if (before := into.names.setdefault(number, name)) != name:
            raise InputError(f"{where} calls class {number} {name}, and another file {before}; keep one of them.")


def names_in_yaml(text: str) -> dict[int, str]:
    """Return the classes of a data.yaml: `names: [a, b]`, or a line each as `- a` or `0: a`."""
    inline = re.search(r"^names\s*:\s*\[(.*?)\]", text, re.MULTILINE | re.DOTALL)
    if inline:
        parts = [_plain(part) for part in inline[1].split(",")]
        return {number: name for number, name in enumerate(parts) if name}
    block = re.search(r"^names\s*:[ \t]*\n((?:[ \t]*(?:-|\d+\s*:).*\n?|[ \t]*\n)+)", text, re.MULTILINE)
    found: dict[int, str] = {}
    for line in (block[1] if block else "").splitlines():
        if keyed := re.match(r"\s*(\d+)\s*:\s*(.+)", line):
            found[int(keyed[1])] = _plain(keyed[2])
        elif listed := re.match(r"\s*-\s*(.+)", line):
            found[len(found)] = _plain(listed[1])
    return found


def _plain(text: str) -> str:
    text = text.strip()
    if text[:1] in "'\"" and text[-1:] == text[:1]:
        return text[1:-1]
    return text.split(" #")[0].strip()


def _box(line: str, names: Mapping[int, str], where: str) -> RawBox | str:
    """Return the box of a line; a sentence where it is none. Without any names, the classes are called by their numbers."""
    parts = line.split()
    is_outline = len(parts) >= 7 and len(parts) % 2 == 1
    if len(parts) != 5 and not is_outline:
        return f"it has {len(parts)} values; a box is: class, centre x, centre y, width, height"
    try:
        number, places = int(float(parts[0])), [float(part) for part in parts[1:]]
    except (ValueError, OverflowError):
        return f"“{line.strip()[:80]}” is not of numbers alone"
    if number < 0:
        return f"class {number} is below 0"
    if names and number not in names:
        return f"class {number} has no name; the named ones are 0 to {max(names)}"
    if max(map(abs, places)) > 2:
        return "its numbers are above 2; YOLO's are shares of the picture's sides, from 0 to 1"
    corners = _around(places[::2], places[1::2]) if is_outline else _box_of(*places)
    return RawBox(names.get(number, str(number)), corners, is_relative=True, where=where)


def _box_of(x: float, y: float, width: float, height: float) -> Corners:
    return (x - width / 2, y - height / 2, x + width / 2, y + height / 2)


def _around(x: list[float], y: list[float]) -> Corners:
    """Return the box around an outline: class x y x y x y ..., as data for segmentation have it."""
    return (min(x), min(y), max(x), max(y))


def _place(path: str) -> str:
    """Return what a picture and its text file share: the path without ending, `images` and `labels` being the same."""
    pure = PurePosixPath(path.replace("\\", "/"))
    folders = ["" if part.lower() in ("images", "labels") else part for part in pure.parts[:-1]]
    return "/".join([*filter(None, folders), pure.stem])
