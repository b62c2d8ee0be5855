"""Logs: one file a process in the home, kept short."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

MAX_LOG_BYTES = 10 * 2**20
NUM_KEPT = 3


def log_rotate(log: Path, *, max_bytes: int = MAX_LOG_BYTES) -> bool:
    """Move a long log to `name.log.1` and so on. Its writer keeps the file open, so it is copied and emptied."""
    try:
        if log.stat().st_size <= max_bytes:
            return False
    except OSError:
        return False
    with contextlib.suppress(OSError):
        for number in range(NUM_KEPT - 1, 0, -1):
            older = _numbered(log, number)
            if older.exists():
                older.replace(_numbered(log, number + 1))
        shutil.copy2(log, _numbered(log, 1))
        with log.open("r+b") as stream:
            stream.truncate(0)
        return True
    return False


def _numbered(log: Path, number: int) -> Path:
    return log.with_name(f"{log.name}.{number}")
