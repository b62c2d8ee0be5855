"""Documents out of files of any format: the one way into the data for preparation, trial and preview.

    for document in read_documents(sources, limits, skips): ...

A source is opened through its layers (`opening`) and given to the module of its format. What cannot be read is counted
in `skips` with its reason; what no honest file holds ends the reading.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

from trainer.data.columns import column_names, text_column
from trainer.data.entities import marked_text
from trainer.data.formats import parquet, text
from trainer.data.formats.reading import BrokenFileError, Row
from trainer.data.opening import OpenFile, check_source, open_source, rows_of
from trainer.data.skipped import SkipCounter
from trainer.data.sources import Document, ReadLimits, SourceSpec
from trainer.errors import InputError

NUM_ROWS_TO_DETECT = 100

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
