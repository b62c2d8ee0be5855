"""What every format gets to work with, and the error by which one file is given up while others go on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from trainer.data.skipped import SkipCounter
from trainer.data.sources import ReadLimits, SourceSpec

Row = tuple[int, dict[str, Any]]
"""Line or row number from 1, and column -> value."""


class BrokenFileError(Exception):
    """This file cannot be read on. It is counted as broken with these words, and the next file is read."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Reading:
    """One file being read: how, under which limits, and under which name problems are reported."""

    source: SourceSpec
    limits: ReadLimits
    skips: SkipCounter
    where: str
    """Name shown to the user: the file, and the member of it for an archive."""

    size_bytes: int = 0
    """Bytes it has on disk, compressed as it is; what it may unpack to depends on this."""

    def broken_line(self, row: int, reason: str, detail: str = "") -> None:
        self.skips.broken(reason, f"{self.where} line {row:,}", detail)

    def broken_row(self, row: int, reason: str, detail: str = "") -> None:
        self.skips.broken(reason, f"{self.where} row {row:,}", detail)
