"""Pictures out of zips and single files, with their labels: from the folder they lie in, or from a table beside them.

A table is a CSV, TSV or JSONL file with a column of paths (path, file, filename, image) and one of labels (label, class,
category). Paths are those inside the zip or folder; the bare file name, with or without its ending, is enough where it is
unique. Where there is a table, folders are no classes: a picture that it does not name has none.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Generic, TypeVar

from trainer.data.formats import archive
from trainer.data.formats.reading import BrokenFileError
from trainer.data.opening import check_source
from trainer.data.skipped import SkipCounter
from trainer.data.sources import ReadLimits, SourceSpec
from trainer.errors import InputError

Said = TypeVar("Said")
IMAGE_ENDINGS = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"}
TABLE_ENDINGS = {".csv", ".tsv", ".jsonl", ".ndjson"}
PATH_COLUMNS = (
    "path", "file", "filename", "file_name", "image", "image_path", "file_path", "filepath", "image_id", "id", "name",
)  # fmt: skip
LABEL_COLUMNS = ("label", "class", "category", "target")
MAX_IMAGE_BYTES = 256 << 20
MAX_TABLE_BYTES = 256 << 20
LIMITS = ReadLimits(max_members=2_000_000, max_unpack_ratio=1_000)


@dataclass(frozen=True, slots=True)
class RawImage:
    """One picture as it lies in its file."""

    data: bytes
    where: str
    """File, and member of it for a zip."""

    label: str = ""

    boxes: Sequence[RawBox] | None = None
    """What is marked in it; None where the data has no boxes."""


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


@dataclass(slots=True)
class ByPath(Generic[Said]):
    """What tables say of files: by path, and by bare name where only one file has it."""

    by_path: dict[str, Said] = field(default_factory=dict)
    by_name: dict[str, Said] = field(default_factory=dict)
    ambiguous: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)
    """Paths and names by which something was found."""

    def add(self, path: str, said: Said) -> None:
        plain = path.replace("\\", "/").lstrip("./")
        self.by_path[plain] = said
        name = plain.rsplit("/", 1)[-1]
        if self.by_name.get(name, said) != said:
            self.ambiguous.add(name)
        self.by_name[name] = said

    def of(self, path: str) -> Said | None:
        """Return what is said of a file; its path may begin with folders that the table leaves out."""
        for whole in (path, path.removesuffix(PurePosixPath(path).suffix)):
            parts = whole.split("/")
            for first in range(len(parts)):
                if (said := self._found(self.by_path, "/".join(parts[first:]))) is not None:
                    return said
            if parts[-1] not in self.ambiguous and (said := self._found(self.by_name, parts[-1])) is not None:
                return said
        return None

    def _found(self, among: dict[str, Said], key: str) -> Said | None:
        if (said := among.get(key)) is not None:
            self.asked.add(key)
        return said

    def unasked(self) -> Iterator[str]:
        """Yield the paths that no file has."""
        return (path for path in self.by_path if not {path, path.rsplit("/", 1)[-1]} & self.asked)

    def __bool__(self) -> bool:
        return bool(self.by_path)


def read_images(sources: list[SourceSpec], skips: SkipCounter) -> Iterator[RawImage]:
    """Yield every picture of the sources in order; raise `InputError` when there is none at all."""
    for source in sources:
        check_source(source)
    labels = read_labels(sources, skips)
    found = False
    for source in sources:
        for path, where, data in members(source, skips, IMAGE_ENDINGS):
            if data is None:
                continue
            found = True
            yield RawImage(data, where, (labels.of(path) or "") if labels else folder_of(path))
    if not found:
        names = ", ".join(source.display_name for source in sources[:3])
        raise InputError(
            f"No picture was found in {names}. Upload JPEG, PNG, WebP, GIF, BMP or TIFF files, or a zip of them with a folder "
            "for each class."
        )
    for path in labels.unasked():
        skips.passed_over("in the table, but no picture is there", path)


def read_labels(sources: list[SourceSpec], skips: SkipCounter) -> ByPath[str]:
    """Return what all tables among the sources say."""
    labels: ByPath[str] = ByPath()
    for source in sources:
        for path, where, data in members(source, skips, TABLE_ENDINGS, counts=False):
            if data is not None:
                _read_table(data, path, where, source, labels)
    return labels


def members(
    source: SourceSpec,
    skips: SkipCounter,
    endings: set[str],
    *,
    counts: bool = True,
    others: set[str] = TABLE_ENDINGS,
) -> Iterator[tuple[str, str, bytes | None]]:
    """Yield (path inside, where it lies, bytes) of each file of the source with one of the endings.

    With `counts`, files that are neither pictures nor of the `others`, which are read for themselves, count as passed over.
    """
    name, path = source.display_name, Path(source.path)
    with open(path, "rb") as file:
        if file.read(4) not in archive.MAGIC:
            if _ending(name) in endings:
                yield name, name, path.read_bytes() if path.stat().st_size <= MAX_IMAGE_BYTES else None
            elif counts and _ending(name) not in IMAGE_ENDINGS | others:
                skips.passed_over(f"no picture ({_ending(name) or 'no ending'})", name)
            return
        opened = archive.open_archive(file, name, path.stat().st_size, LIMITS)
        for member in archive.text_members(opened):
            where, ending = f"{name}/{member.filename}", _ending(member.filename)
            if ending in endings:
                yield member.filename, where, _member_bytes(opened, member, where, skips)
            elif counts and ending not in IMAGE_ENDINGS | others:
                skips.passed_over(f"no picture ({ending or 'no ending'})", where)


def _member_bytes(opened: object, member: object, where: str, skips: SkipCounter) -> bytes | None:
    try:
        with archive.open_member(opened, member, where, LIMITS) as stream:  # type: ignore[arg-type]
            data = stream.read(MAX_IMAGE_BYTES + 1)
    except BrokenFileError as error:
        skips.broken(error.reason, where, error.detail)
        return None
    if len(data) > MAX_IMAGE_BYTES:
        skips.broken("too large", where, f"over {MAX_IMAGE_BYTES >> 20} MiB")
        return None
    return data


def folder_of(path: str) -> str:
    """Return the name of the folder that a picture lies in: its class."""
    folders = PurePosixPath(path).parts[:-1]
    return folders[-1] if folders else ""


def _read_table(data: bytes, path: str, where: str, source: SourceSpec, labels: ByPath[str]) -> None:
    if len(data) > MAX_TABLE_BYTES:
        raise InputError(f"{where} is a table of over {MAX_TABLE_BYTES >> 20} MiB; make it smaller.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{where} is not UTF-8 (byte {error.start:,}); save it as UTF-8.") from None
    rows = _json_rows(text, where) if _ending(path) in {".jsonl", ".ndjson"} else _table_rows(text, path)
    columns: tuple[str, str] | None = None
    for row in rows:
        columns = columns or _columns(row, source, where)
        label, file = row.get(columns[1]), row.get(columns[0])
        if file not in (None, "") and label not in (None, ""):
            labels.add(str(file), str(label))


def _columns(row: dict[str, object], source: SourceSpec, where: str) -> tuple[str, str]:
    names = {name.strip().lower().replace(" ", "_"): name for name in row if isinstance(name, str)}
    path = next((names[name] for name in PATH_COLUMNS if name in names), None)
    label = source.label_column if source.label_column in row else None
    label = label or next((names[name] for name in LABEL_COLUMNS if name in names), None)
    if path is None or label is None:
        raise InputError(
            f"{where} has the columns {', '.join(map(str, row))}; it needs one of paths ({', '.join(PATH_COLUMNS[:3])}) "
            f"and one of labels ({', '.join(LABEL_COLUMNS[:3])})."
        )
    return path, label


def _table_rows(text: str, path: str) -> Iterator[dict[str, object]]:
    yield from csv.DictReader(io.StringIO(text), delimiter="\t" if _ending(path) == ".tsv" else ",")


def _json_rows(text: str, where: str) -> Iterator[dict[str, object]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                row = json.loads(line)
            except ValueError as error:
                raise InputError(f"{where} line {number:,} is not JSON ({error}); correct it.") from None
            if isinstance(row, dict):
                yield row


def _ending(name: str) -> str:
    return PurePosixPath(name).suffix.lower()
