"""Plain text, Markdown and source files as documents: whole, or cut where the option says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import BinaryIO

from trainer.data.formats.encoding import binary_kind, decoded_blocks
from trainer.data.formats.reading import BrokenFileError, Reading
from trainer.data.sources import Splitting

PROSE_WHOLE_CHARACTERS = 64 << 10
"""Prose up to this length is one document."""

PROSE_PART_CHARACTERS = 16 << 10
"""Longer prose is cut at the first blank line after so much, so that there is something to hold back for validation."""

PROSE_ENDINGS = {"", ".txt", ".text", ".md", ".markdown", ".rst", ".tex", ".log"}

_BLANK_LINE = re.compile(r"\n[ \t\r]*\n\s*")


def text_documents(file: BinaryIO, reading: Reading) -> Iterator[tuple[int, str]]:
    """Yield (part number, text); part 0 is the whole file."""
    if kind := binary_kind(file.peek(4_096)[:4_096]):  # type: ignore[attr-defined]
        raise BrokenFileError("not text", f"it is {kind}; upload text, JSONL, CSV or Parquet")
    blocks = decoded_blocks(file)
    splitting = reading.source.splitting
    if splitting == "auto":
        splitting = "file" if _ending(reading.where) not in PROSE_ENDINGS else "auto"
    if splitting == "auto":
        return _prose_parts(blocks)
    if splitting == "file":
        return _numbered_if_many(_cut_at_lines(blocks, reading.limits.max_document_characters))
    return _separated(blocks, splitting, reading.limits.max_document_characters)


def _ending(where: str) -> str:
    path = PurePosixPath(where)
    suffixes = [suffix for suffix in path.suffixes if suffix not in (".gz", ".zst")]
    return suffixes[-1].lower() if suffixes else ""


def _prose_parts(blocks: Iterator[str]) -> Iterator[tuple[int, str]]:
    return _numbered_if_many(_cut(blocks, first=PROSE_WHOLE_CHARACTERS, then=PROSE_PART_CHARACTERS))


def _cut_at_lines(blocks: Iterator[str], most_characters: int) -> Iterator[str]:
    """Pass a whole file on; one longer than `most_characters` in parts that end at a line's end."""
    return _cut(blocks, first=most_characters, then=most_characters // 2)


def _cut(blocks: Iterator[str], *, first: int, then: int) -> Iterator[str]:
    """Yield everything in one piece if it is at most `first` long, otherwise pieces of about `then`."""
    pending: list[str] = []
    length = 0
    for block in blocks:
        pending.append(block)
        length += len(block)
        if length > max(first, 2 * then):
            *parts, rest = pieces("".join(pending), then)
            yield from parts
            pending, length, first = [rest], len(rest), 0
    text = "".join(pending)
    yield from ([text] if len(text) <= first else pieces(text, then))


def pieces(text: str, size: int) -> list[str]:
    """Cut a text after the first blank line past `size`, or the first line's end, or right there; nothing is lost."""
    found = []
    start = 0
    while len(text) - start > 2 * size:
        end = text.find("\n\n", start + size, start + 2 * size)
        if end < 0:
            end = text.find("\n", start + size, start + 2 * size)
        cut_at = start + 2 * size if end < 0 else end + (2 if text.startswith("\n\n", end) else 1)
        found.append(text[start:cut_at])
        start = cut_at
    return [*found, text[start:]]


def _numbered_if_many(parts: Iterator[str]) -> Iterator[tuple[int, str]]:
    first = next(parts, None)
    if first is None:
        return
    second = next(parts, None)
    if second is None:
        yield 0, first
        return
    yield 1, first
    yield 2, second
    yield from enumerate(parts, start=3)


def _separated(blocks: Iterator[str], splitting: Splitting, most_characters: int) -> Iterator[tuple[int, str]]:
    """Yield the texts between separators. A piece without any for `most_characters` is passed on as it is."""
    number, pending = 0, ""
    for block in blocks:
        pending += block
        *whole, pending = _split(pending, splitting)
        if len(pending) > most_characters:
            whole, pending = [*whole, pending], ""
        for text in whole:
            number += 1
            yield number, text
    for text in _split(pending, splitting):
        number += 1
        yield number, text


def _split(text: str, splitting: Splitting) -> list[str]:
    if splitting == "lines":
        return text.split("\n")
    if splitting == "form_feeds":
        return text.split("\f")
    return _BLANK_LINE.split(text)
