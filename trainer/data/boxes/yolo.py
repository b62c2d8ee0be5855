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


@dataclass(slots=True)
class YoloPictures:
    """What text files say of each picture, and the names of the classes. A text is read when its picture is asked for:
    only then are its lines boxes, and not words about the data."""

    texts: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By place: where the file lies, and what stands in it."""

    names: dict[int, str] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)

    def of(self, path: str, skips: SkipCounter) -> list[RawBox] | None:
        """Return the boxes of a picture; None where no text file goes with it. Wrong lines are counted."""
        place = _place(path)
        if place not in self.texts:
            return None
        self.asked.add(place)
        (file, text), boxes = self.texts[place], []
        for number, line in enumerate(text.splitlines(), start=1):
            if line.strip():
                where = f"{file} line {number:,}"
                found = _box(line, self.names, where)
                if isinstance(found, str):
                    skips.broken("bad box", where, found)
                else:
                    boxes.append(found)
        return boxes

    def unasked(self) -> Iterator[str]:
        """Yield the text files that no picture goes with."""
        return (where for place, (where, _) in self.texts.items() if place not in self.asked)


def read_yolo(data: bytes, path: str, where: str, into: YoloPictures) -> None:
    """Add what a file says: names of classes, or the boxes of a picture."""
    name = PurePosixPath(path).name.lower()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{where} is not UTF-8 (byte {error.start:,}); save it as UTF-8.") from None
    if name.endswith((".yaml", ".yml")):
        into.names |= names_in_yaml(text)
    elif name in NAME_FILES or name.endswith(".names"):
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        into.names |= dict(enumerate(lines))
    elif name not in PASSED_OVER:
        into.texts[_place(path)] = where, text


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
    if len(parts) != 5:
        return f"it has {len(parts)} values; a box is: class, centre x, centre y, width, height"
    try:
        number, (x, y, width, height) = int(float(parts[0])), map(float, parts[1:])
    except ValueError:
        return f"“{line.strip()[:80]}” is not five numbers"
    if number < 0:
        return f"class {number} is below 0"
    if names and number not in names:
        return f"class {number} has no name; the named ones are 0 to {max(names)}"
    if max(abs(x), abs(y), width, height) > 2:
        return "its numbers are above 2; YOLO's are shares of the picture's sides, from 0 to 1"
    corners = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    return RawBox(names.get(number, str(number)), corners, is_relative=True, where=where)


def _place(path: str) -> str:
    """Return what a picture and its text file share: the path without ending, `images` and `labels` being the same."""
    pure = PurePosixPath(path.replace("\\", "/"))
    folders = ["" if part.lower() in ("images", "labels") else part for part in pure.parts[:-1]]
    return "/".join([*filter(None, folders), pure.stem])
