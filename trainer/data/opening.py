"""Files opened through their layers: zip, then gz or zst, then the character encoding; what they hold is read above it.

for file in open_source(source, limits, skips): rows_of(file) ...
"""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from trainer.data.formats import archive, compression, encoding, json_array, jsonl, parquet, table, tmx
from trainer.data.formats.reading import BrokenFileError, Reading, Row
from trainer.data.manifest import hash_file
from trainer.data.skipped import SkipCounter
from trainer.data.sources import Format, ReadLimits, SourceSpec
from trainer.errors import InputError

FORMAT_OF_ENDING: dict[str, Format] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".tmx": "tmx",
    ".zip": "zip",
}


@dataclass(frozen=True, slots=True)
class OpenFile:
    """One file with its layers taken off: UTF-8 text, or Parquet."""

    stream: BinaryIO
    format: Format
    reading: Reading
    label: str
    encoding: str


def check_source(source: SourceSpec) -> None:
    """Raise `InputError` when the file is missing, empty, or not the one that was meant."""
    path = Path(source.path)
    if not path.is_file():
        raise InputError(f"{source.display_name} is not there ({path}); upload it again.")
    if path.stat().st_size == 0:
        raise InputError(f"{source.display_name} is empty (0 bytes); choose a file with text in it.")
    if source.sha256 and hash_file(path)[0] != source.sha256:
        raise InputError(
            f"{source.display_name} has changed since it was uploaded (its sha256 differs); upload it again."
        )


def open_source(
    source: SourceSpec,
    limits: ReadLimits,
    skips: SkipCounter,
    *,
    on_progress: Callable[[int], None] | None = None,
    is_one_of_many: bool = False,
) -> Iterator[OpenFile]:
    """Yield the file, or each file inside it for a zip; one that cannot be opened is counted."""
    path = Path(source.path)
    size_bytes = path.stat().st_size
    with ExitStack() as stack:
        raw: BinaryIO = stack.enter_context(open(path, "rb"))
        file = cast(BinaryIO, _Counted(raw, on_progress)) if on_progress else raw
        name = source.display_name
        if _is_zip(source, name, raw):
            yield from _open_members(file, source, limits, skips, size_bytes)
            return
        reading = Reading(source, limits, skips, name, size_bytes)
        label = _top_folder(name) if source.label_from_folder else ""
        opened = _open_or_count(_peekable(file), reading, label, source.format, stack, is_one_of_many=is_one_of_many)
        if opened:
            yield opened


def rows_of(file: OpenFile, columns: list[str] | None = None) -> Iterator[Row]:
    """Yield the rows of a file that has columns."""
    if file.format == "jsonl":
        return jsonl.jsonl_rows(file.stream, file.reading)
    if file.format == "json":
        return json_array.json_array_rows(file.stream, file.reading)
    if file.format == "parquet":
        return parquet.parquet_rows(file.stream, file.reading, columns)
    if file.format == "tmx":
        return tmx.tmx_rows(file.stream, file.reading)
    return table.table_rows(file.stream, file.reading, delimiter="\t" if file.format == "tsv" else "")


def _open_members(
    file: BinaryIO, source: SourceSpec, limits: ReadLimits, skips: SkipCounter, size_bytes: int
) -> Iterator[OpenFile]:
    """Yield the text files inside a zip."""
    name = source.display_name
    opened = archive.open_archive(file, name, size_bytes, limits)
    for member in archive.text_members(opened):
        where = f"{name}/{member.filename}"
        if _ending(member.filename) == ".zip":
            skips.passed_over("archive inside an archive", where)
            continue
        if member.file_size == 0:
            skips.passed_over("empty file", where)
            continue
        reading = Reading(source, limits, skips, where, max(1, member.compress_size))
        label = _top_folder(member.filename) if source.label_from_folder else ""
        with ExitStack() as stack:
            stream = archive.open_member(opened, member, where, limits)
            found = _open_or_count(stream, reading, label, "auto", stack, is_one_of_many=True)
            if found:
                yield found


def _open_or_count(
    stream: BinaryIO, reading: Reading, label: str, wanted: Format, stack: ExitStack, *, is_one_of_many: bool
) -> OpenFile | None:
    """Take off compression and encoding. Pictures and programs among many files are passed over; all else is broken."""
    try:
        if is_one_of_many and (kind := _kind_of_no_text(stream, reading.where)):
            reading.skips.passed_over(kind, reading.where)
            return None
        return _open_layers(stream, reading, label, wanted, stack)
    except BrokenFileError as error:
        reading.skips.broken(error.reason, reading.where, error.detail)
        return None


def _open_layers(stream: BinaryIO, reading: Reading, label: str, wanted: Format, stack: ExitStack) -> OpenFile:
    name = reading.where
    packed = next((ending for ending, magic in compression.ENDINGS.items() if _head(stream, 4).startswith(magic)), "")
    if packed:
        stream = compression.unpack(stream, ending=packed, where=name, limits=reading.limits)
    format_ = wanted if wanted != "auto" else FORMAT_OF_ENDING.get(_ending(name), "text")
    if _head(stream, 4) == parquet.MAGIC:
        format_ = "parquet"
    if format_ == "parquet":
        if not stream.seekable() or packed:
            stream = _seekable_copy(stream, stack)
        return OpenFile(stream, "parquet", reading, label, "")
    chosen = reading.source.encoding
    declared = encoding.declared_encoding(stream) if format_ == "tmx" and chosen == "auto" else chosen
    stream, used = encoding.utf8_stream(stream, declared)
    return OpenFile(stream, format_, reading, label, used)


def _kind_of_no_text(stream: BinaryIO, where: str) -> str:
    head = _head(stream, 4_096)
    if head.startswith((parquet.MAGIC, *compression.ENDINGS.values())):
        return ""
    if head.startswith(archive.MAGIC):
        return "archive inside an archive"
    return f"no text: {kind}" if (kind := encoding.binary_kind(head)) else ""


def _is_zip(source: SourceSpec, name: str, raw: BinaryIO) -> bool:
    head = raw.read(4)
    raw.seek(0)
    return source.format == "zip" or head in archive.MAGIC or (source.format == "auto" and _ending(name) == ".zip")


def _ending(name: str) -> str:
    """Return the ending that tells the format: `.jsonl` of `a.jsonl.gz`."""
    suffixes = [suffix.lower() for suffix in PurePosixPath(name).suffixes]
    while suffixes and suffixes[-1] in compression.ENDINGS:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def _top_folder(name: str) -> str:
    first, slash, _ = name.partition("/")
    return first if slash else ""


def _head(stream: BinaryIO, size: int) -> bytes:
    head: bytes = stream.peek(size)[:size]  # type: ignore[attr-defined]
    return head


def _peekable(file: BinaryIO) -> BinaryIO:
    return file if hasattr(file, "peek") else io.BufferedReader(file)  # type: ignore[type-var, return-value]


def _seekable_copy(stream: BinaryIO, stack: ExitStack) -> BinaryIO:
    """Write a stream to a temporary file, for Parquet is read from its end."""
    copy = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115  the stack closes it
    shutil.copyfileobj(stream, copy, 1 << 20)
    copy.seek(0)
    return copy


class _Counted(io.RawIOBase):
    """A file that tells how many bytes of it have been read, whatever lies above it."""

    def __init__(self, file: BinaryIO, on_progress: Callable[[int], None]) -> None:
        self._file, self._on_progress = file, on_progress

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        count: int = self._file.readinto(buffer)  # type: ignore[attr-defined]
        self._on_progress(count)
        return count
