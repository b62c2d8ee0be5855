"""From files to documents of parts: each kind brings the function that makes parts of a row, or says what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import PurePosixPath
from typing import Any

from trainer.data.columns import column_names
from trainer.data.formats.json_array import is_json_array
from trainer.data.formats.reading import BrokenFileError, Row
from trainer.data.opening import OpenFile, rows_of
from trainer.data.parts.marks import Part, joined
from trainer.data.readers import NUM_ROWS_TO_DETECT, label_name, value_at
from trainer.data.sources import Document


class Unfit(Exception):
    """This row is not taken; the message is the reason, under which it is counted. `detail` says more of this one row."""

    def __init__(self, reason: str, detail: str = "", *, is_broken: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.detail, self.is_broken = reason, detail, is_broken


@dataclass(frozen=True, slots=True)
class Made:
    """What a row becomes."""

    parts: Sequence[Part]
    key: str
    """Documents with the same key never land in different splits: the question, say."""

    remarks: Sequence[str] = ()
    """Ways in which the parts are not just what stands in the row."""


RowReader = Callable[[dict[str, Any]], list[Made]]
"""From a row to what it becomes; raises `Unfit`."""


def documents_of_rows(file: OpenFile, reader_for: Callable[[OpenFile, list[Row]], RowReader]) -> Iterator[Document]:
    """Yield the documents of a file with columns. What is left out is counted with its reason and its row."""
    file = with_columns(file)
    rows = rows_of(file)
    head, broken = first_rows(rows, NUM_ROWS_TO_DETECT)
    if not head:
        if broken:
            raise broken
        return
    read = reader_for(file, head)
    if file.format == "parquet":
        file.stream.seek(0)
        head, rows = [], rows_of(file)
    elif broken:
        rows = raising(broken)
    source = file.reading.source
    for number, row in chain(head, rows):
        try:
            made = read(row)
            check_length(made, file)
        except Unfit as unfit:
            count(file, number, unfit)
            continue
        label = label_name(value_at(row, source.label_column)) if source.label_column else file.label
        group = label_name(value_at(row, source.group_column)) if source.group_column else ""
        for each in made:
            for how in each.remarks:
                file.reading.skips.remark(how, f"{file.reading.where} row {number:,}")
            yield Document(joined(each.parts), file.reading.where, number, label, group or each.key)


def first_rows(rows: Iterator[Row], count: int) -> tuple[list[Row], BrokenFileError | None]:
    """Return the first rows, and the error behind them where the file breaks so early: what came before it stays."""
    found: list[Row] = []
    try:
        found.extend(islice(rows, count))
    except BrokenFileError as error:
        return found, error
    return found, None


def raising(error: BrokenFileError) -> Iterator[Row]:
    """Yield nothing, and raise the error once somebody asks for a row."""

    def fail(_nothing: None) -> Row:
        raise error

    return map(fail, [None])


def with_columns(file: OpenFile) -> OpenFile:
    """Return a file that has columns; a JSON file of another ending may be an array of objects or JSON Lines."""
    if file.format != "text":
        return file
    head = file.stream.peek(4_096)[:4_096]  # type: ignore[attr-defined]
    if is_json_array(head):
        return replace(file, format="json")
    if PurePosixPath(file.reading.where).suffix == ".json" and b"".join(head.split())[:2] == b'{"':
        return replace(file, format="jsonl")
    raise BrokenFileError("no columns", "give JSON or JSON Lines, CSV, TSV, Parquet or TMX: a row for each example")


def check_length(made: Sequence[Made], file: OpenFile) -> None:
    longest = file.reading.limits.max_document_characters
    if any(sum(len(text) for _, text in each.parts) > longest for each in made):
        raise Unfit("too long", f"more than {longest:,} characters; these are not cut")


def count(file: OpenFile, number: int, unfit: Unfit) -> None:
    """Count a row that is left out: broken ones against the limit, others only told."""
    if unfit.is_broken:
        file.reading.broken_row(number, unfit.reason, unfit.detail)
        return
    where = f"{file.reading.where} row {number:,}"
    file.reading.skips.passed_over(unfit.reason, f"{where}: {unfit.detail}" if unfit.detail else where)


def text_at(row: dict[str, Any], column: str) -> str:
    """Return the text of a column; empty for none; raise `Unfit` where it is something else."""
    value = value_at(row, column)
    if value is None:
        return ""
    if isinstance(value, (dict, list)):
        raise Unfit("no text in the row", f"the field {column!r} is not a text", is_broken=True)
    return str(value).lower() if isinstance(value, bool) else str(value)


def first_named(rows: Sequence[Row], names: Sequence[str]) -> str:
    """Return the first column of the rows that has one of these names, in whatever case; empty for none."""
    plain = {name.strip().lower(): name for name in reversed(column_names(rows))}
    return next((plain[name] for name in names if name in plain), "")


def no_columns(rows: Sequence[Row], wanted: str) -> BrokenFileError:
    listed = ", ".join(repr(name) for name in column_names(rows)[:20])
    return BrokenFileError("columns not recognised", f"{wanted}; the columns are {listed}")
