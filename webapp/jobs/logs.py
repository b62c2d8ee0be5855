"""Reading an attempt's log, which may have any length: the end, a range of bytes, a search. Never the whole at once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

TAIL_BYTES = 64 * 1024
PAGE_BYTES = 256 * 1024
MAX_MATCHES = 200
MAX_LINE_CHARACTERS = 2_000
_TERMINAL_CODES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07]*\x07|[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True, kw_only=True, slots=True)
class LogPage:
    """A part of a log, in whole lines. `offset` and `next_offset` are bytes of the file."""

    text: str
    offset: int
    next_offset: int
    size_bytes: int

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class LogMatch:
    """A line that a search found."""

    line: int
    offset: int
    text: str


def last_lines(path: Path, num_lines: int) -> str:
    """Return the last lines of a log, empty if there is none."""
    size = _size(path)
    lines = _read(path, max(0, size - TAIL_BYTES), TAIL_BYTES).decode(errors="replace").splitlines()
    return "\n".join(clean_line(line) for line in lines[-num_lines:])


def log_page(path: Path, *, offset: int | None = None, before: int | None = None) -> LogPage:
    """Return the whole lines from byte `offset` on, or those that end at byte `before`; with neither, the log's end."""
    size = _size(path)
    if offset is None:
        end = size if before is None else min(before, size)
        start = max(0, end - PAGE_BYTES)
        block = _read(path, start, end - start)
        if start > 0:  # begin with a whole line
            cut = block.find(b"\n") + 1
            start, block = start + cut, block[cut:]
    else:
        start = min(offset, size)
        block = _read(path, start, PAGE_BYTES)
    whole = block.rfind(b"\n") + 1
    if whole == 0 and len(block) >= PAGE_BYTES:  # one line fills the page: break it
        whole = len(block)
    block = block[:whole]
    text = "\n".join(clean_line(line) for line in block.decode(errors="replace").split("\n"))
    return LogPage(text=text, offset=start, next_offset=start + len(block), size_bytes=size)


def log_search(path: Path, wanted: str, *, max_matches: int = MAX_MATCHES) -> list[LogMatch]:
    """Return the first lines that hold the text, upper and lower case alike."""
    found: list[LogMatch] = []
    needle = wanted.casefold()
    if not needle:
        return found
    for number, offset, line in _lines(path):
        text = line.decode(errors="replace")
        if needle in text.casefold():
            found.append(LogMatch(line=number, offset=offset, text=clean_line(text)))
            if len(found) == max_matches:
                break
    return found


def clean_line(line: str) -> str:
    """Return a line as a person can read it: without terminal codes, a progress bar's last state, not too long."""
    line = line.rstrip("\r").rpartition("\r")[2]
    line = _TERMINAL_CODES.sub("", line)
    return line if len(line) <= MAX_LINE_CHARACTERS else f"{line[:MAX_LINE_CHARACTERS]} […]"


def _lines(path: Path) -> Iterator[tuple[int, int, bytes]]:
    offset = 0
    try:
        with open(path, "rb") as file:
            for number, line in enumerate(file, start=1):
                yield number, offset, line
                offset += len(line)
    except FileNotFoundError:
        return


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _read(path: Path, offset: int, num_bytes: int) -> bytes:
    try:
        with open(path, "rb") as file:
            file.seek(offset)
            return file.read(num_bytes)
    except FileNotFoundError:
        return b""
