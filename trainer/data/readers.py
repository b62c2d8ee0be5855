"""Documents out of files of any format: the one way into the data for preparation, trial and preview.

    for document in read_documents(sources, limits, skips): ...

A source is opened through its layers (zip, then gz or zst, then the character encoding) and given to the module of its
format. What cannot be read is counted in `skips` with its reason; what no honest file holds ends the reading.
"""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

from trainer.data.columns import column_names, text_column
from trainer.data.entities import marked_text
from trainer.data.formats import archive, compression, encoding, jsonl, parquet, table, text, tmx
from trainer.data.formats.reading import BrokenFileError, Reading, Row
from trainer.data.manifest import hash_file
from trainer.data.skipped import SkipCounter
from trainer.data.sources import Document, Format, ReadLimits, SourceSpec
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
NUM_ROWS_TO_DETECT = 100


@dataclass(frozen=True, slots=True)
class OpenFile:
    """One file with its layers taken off: UTF-8 text, or Parquet."""

    stream: BinaryIO
    format: Format
    reading: Reading
    label: str
    encoding: str


FileReader = Callable[[OpenFile], Iterator[Document]]
"""How the documents of an open file are found; `documents_of` for text, others for data made of parts."""


def read_documents(
    sources: list[SourceSpec],
    limits: ReadLimits,
    skips: SkipCounter,
    *,
    on_progress: Callable[[int], None] | None = None,
    reader: FileReader | None = None,
) -> Iterator[Document]:
    """Yield every document of the sources in order; raise `InputError` when there is none at all."""
    any_found = False
    for source in sources:
        for document in source_documents(
            source, limits, skips, on_progress=on_progress, is_one_of_many=len(sources) > 1, reader=reader
        ):
            any_found = True
            yield document
    if not any_found:
        raise InputError(nothing_found(sources, skips))


def source_documents(
    source: SourceSpec,
    limits: ReadLimits,
    skips: SkipCounter,
    *,
    on_progress: Callable[[int], None] | None = None,
    is_one_of_many: bool = False,
    reader: FileReader | None = None,
) -> Iterator[Document]:
    """Yield every document of one source; among many, one that holds nothing is passed over."""
    if is_one_of_many and Path(source.path).is_file() and not Path(source.path).stat().st_size:
        skips.passed_over("empty file", source.display_name)
        return
    check_source(source)
    for file in open_source(source, limits, skips, on_progress=on_progress, is_one_of_many=is_one_of_many):
        yield from _documents_or_broken(file, reader or documents_of)


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
    if file.format == "parquet":
        return parquet.parquet_rows(file.stream, file.reading, columns)
    if file.format == "tmx":
        return tmx.tmx_rows(file.stream, file.reading)
    return table.table_rows(file.stream, file.reading, delimiter="\t" if file.format == "tsv" else "")


def documents_of(file: OpenFile) -> Iterator[Document]:
    """Yield the documents of one file; a text too long is cut at a line's end."""
    where, limits = file.reading.where, file.reading.limits
    if file.format == "text":
        for number, content in text.text_documents(file.stream, file.reading):
            if content.strip():
                yield Document(content, where, number, file.label)
        return
    for row, content, label, group in _column_texts(file):
        longest = limits.max_document_characters
        for part in [content] if len(content) <= longest else text.pieces(content, longest // 2):
            yield Document(part, where, row, label or file.label, group)


def detect_text_column(rows: list[Row], file: OpenFile) -> str:
    """Return the column to read; raise `BrokenFileError` that lists the columns when there is none."""
    chosen = file.reading.source.text_column
    names = column_names(rows)
    if chosen and any(value_at(row, chosen) is not None for _, row in rows):
        return chosen
    if chosen:
        raise BrokenFileError("no text column", f"there is no column {chosen!r}; the columns are {_listed(names)}")
    if file.reading.source.entity_column and "tokens" in names:
        return "tokens"
    if found := text_column(rows):
        return found
    raise BrokenFileError("no text column", f"none of the columns holds text ({_listed(names)}); choose one")


def value_at(row: dict[str, Any], column: str) -> Any:
    """Return a column's value; `a.b` also finds b inside the object a."""
    if column in row or "." not in column:
        return row.get(column)
    value: Any = row
    for name in column.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _column_texts(file: OpenFile) -> Iterator[tuple[int, str, str, str]]:
    """Yield (row, text, label, group) of a file with columns; rows without text are counted."""
    source = file.reading.source
    all_rows = rows_of(file)
    head = list(islice(all_rows, NUM_ROWS_TO_DETECT))
    if not head:
        return
    column = detect_text_column(head, file)
    rows: Iterator[Row] = chain(head, all_rows)
    if file.format == "parquet":
        file.stream.seek(0)
        wanted = [column, source.label_column, source.entity_column, source.group_column]
        rows = parquet.parquet_rows(file.stream, file.reading, wanted)
    for number, row in rows:
        content = value_at(row, column)
        group = label_name(value_at(row, source.group_column)) if source.group_column else ""
        if source.entity_column and (marked := marked_text(content, value_at(row, source.entity_column))):
            text_with_marks, labels = marked
            yield number, text_with_marks, "|".join(sorted(set(labels))), group
            continue
        if not isinstance(content, str):
            file.reading.broken_row(number, "no text in the row", f"the field {column!r} is {_kind(content)}")
        elif not content.strip():
            file.reading.skips.passed_over("empty text", f"{file.reading.where} row {number:,}")
        else:
            label = value_at(row, source.label_column) if source.label_column else None
            yield number, content, label_name(label), group


def label_name(label: Any) -> str:
    """Return the name of a label; a list of labels is one name, its parts in order with a | between them."""
    if isinstance(label, list):
        return "|".join(sorted({str(part) for part in label if part is not None})) or "|"
    return "" if label is None else str(label)


def _documents_or_broken(file: OpenFile, reader: FileReader) -> Iterator[Document]:
    """Yield the documents of a file; where it breaks, count that and end."""
    try:
        yield from reader(file)
    except BrokenFileError as error:
        file.reading.skips.broken(error.reason, file.reading.where, error.detail)


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
    stream, used = encoding.utf8_stream(stream, reading.source.encoding)
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


def nothing_found(sources: list[SourceSpec], skips: SkipCounter) -> str:
    names = ", ".join(source.display_name for source in sources[:3]) + (" …" if len(sources) > 3 else "")
    why = [f"{skip['reason']}: {skip['examples'][0]}" for skip in skips.as_report()[:3]]
    return f"No text was found in {names}. " + ("; ".join(why) + "." if why else "They hold nothing but white space.")


def _kind(value: Any) -> str:
    if value is None:
        return "missing"
    names = {dict: "an object", list: "a list", bool: "true or false", int: "a number", float: "a number"}
    return names.get(type(value), f"of type {type(value).__name__}")


def _listed(names: list[str]) -> str:
    return ", ".join(repr(name) for name in names[:20]) + (" …" if len(names) > 20 else "")


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
