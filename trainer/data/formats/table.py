"""CSV and TSV: a header, then one row a line; a quoted field may span lines."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO

from trainer.data.formats.encoding import binary_kind, not_utf8_detail
from trainer.data.formats.lines import numbered_lines
from trainer.data.formats.reading import BrokenFileError, Reading, Row

LONGEST_HEADER_CELL = 80


def table_rows(file: BinaryIO, reading: Reading, *, delimiter: str = "") -> Iterator[Row]:
    """Yield each row by its column names. Without a header the columns are `column_1`, `column_2`..."""
    head = file.peek(1 << 16)[: 1 << 16]  # type: ignore[attr-defined]
    if kind := binary_kind(head):
        raise BrokenFileError("not text", f"it is {kind}, not a table")
    csv.field_size_limit(reading.limits.max_line_bytes)
    lines = _LineFeed(file, reading)
    reader = csv.reader(lines, delimiter=delimiter or delimiter_of(head), strict=True)
    first = _next_row(reader, lines, reading)
    if first is None:
        return
    has_header = _is_header(first[1])
    names = first[1] if has_header else [f"column_{i}" for i in range(1, len(first[1]) + 1)]
    for number, cells in chain([] if has_header else [first], iter(lambda: _next_row(reader, lines, reading), None)):
        if len(cells) != len(names):
            reading.broken_line(number, "wrong number of fields", f"{len(cells)} instead of {len(names)}")
            continue
        yield number, dict(zip(names, cells, strict=True))


class _LineFeed:
    """Decoded lines for csv.reader, which remember the number of the last one handed out."""

    def __init__(self, file: BinaryIO, reading: Reading) -> None:
        self._lines = numbered_lines(file, reading)
        self._reading = reading
        self.number = 0

    def __iter__(self) -> _LineFeed:
        return self

    def __next__(self) -> str:
        for number, line in self._lines:
            self.number = number
            try:
                return line.decode("utf-8")
            except UnicodeDecodeError as error:
                detail = not_utf8_detail(line, line=number, byte=error.start + 1)
                self._reading.broken_line(number, "not UTF-8", detail)
        raise StopIteration


def _next_row(reader: Iterator[list[str]], lines: _LineFeed, reading: Reading) -> tuple[int, list[str]] | None:
    """Return the next row that is not blank, and the line it begins on; broken ones are counted."""
    while True:
        first_line = lines.number + 1
        try:
            cells = next(reader)
        except StopIteration:
            return None
        except csv.Error as error:
            detail = str(error)
            if "field limit" in detail or "unexpected end" in detail:
                detail = "a quote that opens here is not closed, or the field is too long"
            reading.broken_line(first_line, "broken table row", detail)
            continue
        if cells and any(cells):
            return first_line, cells


def delimiter_of(head: bytes) -> str:
    """Return what stands between the cells of the first line: a comma, unless another of the usual ones occurs more often."""
    first_line = head.split(b"\n", 1)[0].decode("utf-8", errors="replace")
    return max(",;\t|", key=lambda character: (first_line.count(character), character == ","))


def _is_header(cells: list[str]) -> bool:
    """Return whether a first row can be names: short, different, none empty, none a number."""
    named = all(cell.strip() and len(cell) <= LONGEST_HEADER_CELL and "\n" not in cell for cell in cells)
    return named and len(set(cells)) == len(cells) and not any(_is_number(cell) for cell in cells)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
