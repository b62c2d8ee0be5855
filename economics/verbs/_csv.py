"""Columns of numbers from a CSV file, with a sentence where they are missing or no numbers."""

from __future__ import annotations

import csv
from math import isfinite
from pathlib import Path

from economics.errors import InputError


def columns_read(path: str | Path, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> dict[str, list[float]]:
    """Return the named columns as numbers; of the optional ones those that the file has.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
    ...     _ = file.write("nll,accuracy\\n1.0,0.5\\n"); file.flush()
    ...     columns_read(file.name, ("nll", "accuracy"))
    {'nll': [1.0], 'accuracy': [0.5]}
    """
    try:
        with Path(path).open(encoding="utf-8", newline="") as lines:
            reader = csv.DictReader(lines)
            rows, names = list(reader), reader.fieldnames or []
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("file", str(path), f"a CSV that can be read ({error})") from None
    missing = [name for name in required if name not in names]
    if missing or not rows:
        raise InputError("file", str(path), "a CSV with rows and the columns " + ", ".join(required))
    found = [name for name in (*required, *optional) if name in names]
    return {name: [_number(name, row[name], line) for line, row in enumerate(rows, start=2)] for name in found}


def _number(name: str, text: str | None, line: int) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = float("nan")
    if not isfinite(value):
        raise InputError(f"{name} in line {line}", text, "a finite number")
    return value
