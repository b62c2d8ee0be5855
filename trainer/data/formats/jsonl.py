"""JSON Lines: one JSON object a line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

import msgspec

from trainer.data.formats.encoding import binary_kind, not_utf8_detail
from trainer.data.formats.lines import numbered_lines
from trainer.data.formats.reading import BrokenFileError, Reading, Row

_decoder = msgspec.json.Decoder()


def jsonl_rows(file: BinaryIO, reading: Reading) -> Iterator[Row]:
    """Yield each line's object; a line that holds a string alone counts as its field `text`."""
    if kind := binary_kind(file.peek(4_096)[:4_096]):  # type: ignore[attr-defined]
        raise BrokenFileError("not text", f"it is {kind}, not JSON Lines")
    for number, line in numbered_lines(file, reading):
        if not line.strip():
            continue
        try:
            value = _decoder.decode(line)
        except msgspec.DecodeError as error:
            reading.broken_line(number, "broken JSON", f"{error}; {_shown(line)}")
            continue
        except RecursionError:
            reading.broken_line(number, "JSON nested too deep", _shown(line))
            continue
        except UnicodeDecodeError as error:
            reading.broken_line(number, "not UTF-8", not_utf8_detail(line, line=number, byte=error.start + 1))
            continue
        row = _as_row(value)
        if row is None:
            reading.broken_line(number, "not a JSON object", _shown(line))
            continue
        yield number, row


def _as_row(value: Any) -> dict[str, Any] | None:
    if isinstance(value, dict):
        return value
    return {"text": value} if isinstance(value, str) else None


def _shown(line: bytes) -> str:
    return line[:60].decode("utf-8", errors="replace").strip()
