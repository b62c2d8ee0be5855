"""CSV and TSV: a header, then one row a line; a quoted field may span lines.

Where a row of several lines turns out broken, as behind a quote that nobody closes, only its first line is left out and
reading goes on with the second. Tables with tabs are often written without quoting: a line whose quotes do not fit is then
taken as it stands, and told.
"""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO

from trainer.data.formats.encoding import binary_kind, not_utf8_detail
from trainer.data.formats.lines import numbered_lines
from trainer.data.formats.reading import BrokenFileError, Reading, Row

LONGEST_HEADER_CELL = 80
_EXCEL_DELIMITER = re.compile(rb"sep=([,;\t|])\r?\n")  # a first line of some spreadsheets, no row
MOST_REREAD_BYTES = 64 << 20
"""So much of a file is read again behind broken quotes, which bounds the time that a hostile one takes."""


def table_rows(file: BinaryIO, reading: Reading, *, delimiter: str = "") -> Iterator[Row]:
    """Yield each row by its column names. Without a header the columns are `column_1`, `column_2`..."""
    head = file.peek(1 << 16)[: 1 << 16]  # type: ignore[attr-defined]
    if kind := binary_kind(head):
        raise BrokenFileError("not text", f"it is {kind}, not a table")
    csv.field_size_limit(reading.limits.max_line_bytes)
    rows = _Rows(file, reading, delimiter or delimiter_of(head))
    if _EXCEL_DELIMITER.match(head):
        rows.lines.skip()
    first = rows.next()
    if first is None:
        return
    has_header = _is_header(first[1])
    names = first[1] if has_header else [f"column_{i}" for i in range(1, len(first[1]) + 1)]
    rows.num_fields = len(names)
    for number, cells in chain([] if has_header else [first], iter(rows.next, None)):
        yield number, dict(zip(names, cells, strict=True))


class _LineFeed:
    """Decoded lines for csv.reader, which remember the number of the last one handed out."""

    def __init__(self, file: BinaryIO, reading: Reading) -> None:
        self._lines = numbered_lines(file, reading)
        self._reading = reading
        self.number = 0
        self.taken: list[tuple[int, str]] = []
        """Lines of the row at hand."""

        self._again: deque[tuple[int, str]] = deque()
        self._reread_bytes = 0

    def __iter__(self) -> _LineFeed:
        return self

    def __next__(self) -> str:
        self.number, line = self._again.popleft() if self._again else self._fresh()
        self.taken.append((self.number, line))
        return line

    def skip(self) -> None:
        next(self._lines, None)
        self.number = 1

    def back_to_second(self) -> bool:
        """Hand the lines behind the first of this row out again; return whether that is still allowed."""
        rest = self.taken[1:]
        self._reread_bytes += sum(len(line) for _, line in rest)
        if not rest or self._reread_bytes > MOST_REREAD_BYTES:
            return not rest
        self._again.extendleft(reversed(rest))
        self.number = self.taken[0][0]
        return True

    def _fresh(self) -> tuple[int, str]:
        for number, line in self._lines:
            try:
                return number, line.decode("utf-8")
            except UnicodeDecodeError as error:
                detail = not_utf8_detail(line, line=number, byte=error.start + 1)
                self._reading.broken_line(number, "not UTF-8", detail)
        raise StopIteration


class _Rows:
    """Rows of a table; blank ones are passed over, broken ones counted."""

    def __init__(self, file: BinaryIO, reading: Reading, delimiter: str) -> None:
        self.lines = _LineFeed(file, reading)
        self.num_fields = 0
        """How many each row must have; 0: any number."""

        self._reading, self._delimiter = reading, delimiter
        self._reader = self._fresh_reader()

    def next(self) -> tuple[int, list[str]] | None:
        """Return the next row and the line it begins on; None at the end."""
        while True:
            self.lines.taken.clear()
            try:
                cells = next(self._reader)
            except StopIteration:
                return None
            except csv.Error as error:
                detail = str(error)
                if "field limit" in detail or "unexpected end" in detail:
                    detail = "a quote that opens here is not closed, or the field is too long"
                if row := self._row_of_first_line(detail):
                    return row
                continue
            if self._swallows_rows(cells) and (row := self._row_of_first_line("a quote spans rows")):
                return row
            if self.num_fields and cells and len(cells) != self.num_fields:
                detail = f"{len(cells)} instead of {self.num_fields}"
                self._reading.broken_line(self.lines.taken[0][0], "wrong number of fields", detail)
            elif cells and any(cells):
                return self.lines.taken[0][0], cells

    def _swallows_rows(self, cells: list[str]) -> bool:
        """Say whether a quote of a table with tabs, though closed in the end, holds what is a row of its own."""
        if self._delimiter != "\t" or len(self.lines.taken) == 1 or not any("\t" in cell for cell in cells):
            return False
        return len(self.lines.taken[0][1].split("\t")) == self.num_fields

    def _row_of_first_line(self, detail: str) -> tuple[int, list[str]] | None:
        """Take a row with a wrong quote back; return its first line as it stands where that is a row, else count it."""
        (number, line), (last, _) = self.lines.taken[0], self.lines.taken[-1]
        is_whole = self.lines.back_to_second()
        self._reader = self._fresh_reader()
        cells = line.rstrip("\r\n").split("\t")
        if self._delimiter == "\t" and is_whole and len(cells) == (self.num_fields or len(cells)):
            how = "lines whose quotes do not fit were taken as they stand"
            self._reading.skips.remark(how, f"{self._reading.where} line {number:,}")
            return number, cells
        lost = "" if is_whole else f"; lines {number + 1:,} to {last:,} are lost with it"
        self._reading.broken_line(number, "broken table row", detail + lost)
        return None

    def _fresh_reader(self) -> Iterator[list[str]]:
        return csv.reader(self.lines, delimiter=self._delimiter, strict=True)


def delimiter_of(head: bytes) -> str:
    """Return what stands between the cells of the first line: a comma, unless another of the usual ones occurs more often."""
    if named := _EXCEL_DELIMITER.match(head):
        return named.group(1).decode()
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
