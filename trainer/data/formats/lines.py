"""Lines of a UTF-8 stream, with their numbers. A line too long is counted and passed over without being held."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from trainer.data.formats.reading import Reading


def numbered_lines(file: BinaryIO, reading: Reading) -> Iterator[tuple[int, bytes]]:
    """Yield (number from 1, line with its end)."""
    most_bytes = reading.limits.max_line_bytes
    number = 0
    while line := file.readline(most_bytes + 1):
        number += 1
        if len(line) > most_bytes:
            _skip_line(file, line, most_bytes)
            reading.broken_line(number, "line too long", f"over {most_bytes / 1e6:,.0f} MB; give it line ends")
            continue
        yield number, line


def _skip_line(file: BinaryIO, line: bytes, most_bytes: int) -> None:
    while line and not line.endswith(b"\n"):
        line = file.readline(most_bytes)
