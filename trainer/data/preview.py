"""The first rows of files, before anything is prepared: columns, the detected text column, what is wrong.

`preview` reads at most some rows of each file. The web app runs it in a limited child (`trainer.data.child`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from trainer.data.columns import column_names, text_column
from trainer.data.formats.reading import BrokenFileError, Row
from trainer.data.formats.text import text_documents
from trainer.data.opening import OpenFile, check_source, open_source, rows_of
from trainer.data.readers import value_at
from trainer.data.skipped import SkipCounter
from trainer.data.sources import ReadLimits, SourceSpec
from trainer.errors import InputError

SHOWN_CHARACTERS = 600
"""Longest value of a cell that is sent; the rest is cut with a mark."""

MAX_FILES_LISTED = 200


@dataclass(slots=True)
class PreviewRow:
    """One row or document."""

    source: str
    row: int
    values: dict[str, Any]


@dataclass(slots=True)
class PreviewFile:
    """One file, or one file inside a zip."""

    name: str
    format: str
    encoding: str
    columns: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Preview:
    """What the page shows: columns of all files, the text column proposed, rows, and sentences about what is wrong."""

    columns: list[str] = field(default_factory=list)
    text_column: str = ""
    """Detected, or chosen in the source when it exists; empty for plain text and when nothing fits."""

    raw_columns: list[str] = field(default_factory=list)
    """Columns of the files themselves, where `columns` are what they become."""

    form: str = ""
    """What the files were recognised as, for data made of parts: `OpenAI messages`, `en → zh`."""

    label_columns: list[str] = field(default_factory=list)
    """Columns with few different short values, which may serve as labels."""

    rows: list[PreviewRow] = field(default_factory=list)
    files: list[PreviewFile] = field(default_factory=list)
    num_files: int = 0
    """Files looked at; beyond the first 200 they are not counted, for that would take as long as reading them."""

    warnings: list[str] = field(default_factory=list)
    skipped: list[dict[str, Any]] = field(default_factory=list)
    suggested_encoding: str = ""
    """Encoding to propose when a file is not UTF-8."""

    error: str = ""
    """One sentence when nothing can be read at all."""


def preview(
    sources: Sequence[SourceSpec | str | Path], *, limits: ReadLimits | None = None, rows: int = 100
) -> Preview:
    """Return the first rows of the sources; what is wrong is said in the result, not raised."""
    specs = [source if isinstance(source, SourceSpec) else SourceSpec(path=str(source)) for source in sources]
    result = Preview()
    skips = SkipCounter(1 << 30)  # a preview shows what is broken; whether it is too much is for the preparation
    found: list[tuple[OpenFile, list[Row]]] = []
    try:
        for spec in specs:
            _preview_source(spec, limits or ReadLimits(), skips, rows, result, found)
    except InputError as error:
        result.error = str(error)
    result.skipped = skips.as_report()
    result.warnings += [f"{skip['reason']} ({skip['count']}): {skip['examples'][0]}" for skip in result.skipped[:5]]
    _describe_columns(result, found)
    if not result.rows and not result.error:
        result.error = result.warnings[0] if result.warnings else "The files hold no text."
    return result


def _preview_source(
    spec: SourceSpec,
    limits: ReadLimits,
    skips: SkipCounter,
    rows: int,
    result: Preview,
    found: list[tuple[OpenFile, list[Row]]],
) -> None:
    check_source(spec)
    for file in open_source(spec, limits, skips, is_one_of_many=False):
        left = rows - len(result.rows)
        if left <= 0 and result.num_files >= MAX_FILES_LISTED:
            result.warnings.append(f"Only the first {result.num_files:,} files of {spec.display_name} are listed.")
            break
        result.num_files += 1
        try:
            head = _head_rows(file, max(1, min(left, rows)))
        except BrokenFileError as error:
            skips.broken(error.reason, file.reading.where, error.detail)
            _suggest_encoding(result, error)
            continue
        columns = column_names(head) if file.format != "text" else []
        result.files.append(PreviewFile(file.reading.where, file.format, file.encoding, columns))
        if file.format != "text":
            found.append((file, head))
        if left > 0:
            result.rows += [PreviewRow(file.reading.where, number, _shown(row)) for number, row in head]


def _head_rows(file: OpenFile, count: int) -> list[Row]:
    if file.format == "text":
        parts = text_documents(file.stream, file.reading)
        return [(number, {"text": text}) for number, text in islice(parts, count) if text.strip()]
    return list(islice(rows_of(file), count))


def _describe_columns(result: Preview, found: list[tuple[OpenFile, list[Row]]]) -> None:
    head = [row for _, rows in found for row in rows]
    result.columns = column_names(head)
    if not found:
        return
    chosen = found[0][0].reading.source.text_column
    if chosen and any(value_at(row, chosen) is not None for _, row in head):
        result.text_column = chosen
    else:
        result.text_column = text_column(head)
    result.label_columns = [name for name in result.columns if name != result.text_column and _may_be_label(name, head)]
    if not result.text_column:
        listed = ", ".join(repr(name) for name in result.columns[:20])
        result.warnings.insert(0, f"No column holds text; the columns are {listed}. Choose another file.")


def _may_be_label(name: str, rows: list[Row]) -> bool:
    values = [str(row[name]) for _, row in rows if row.get(name) is not None]
    return len(values) > 1 and len(set(values)) <= max(2, len(values) // 3) and max(map(len, values)) <= 60


def _suggest_encoding(result: Preview, error: BrokenFileError) -> None:
    words = error.detail.split("it looks like ")
    if error.reason == "not UTF-8" and len(words) == 2:
        result.suggested_encoding = words[1].split(".")[0].lower()


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {str(name): _short(value) for name, value in row.items()}


def _short(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= SHOWN_CHARACTERS else value[:SHOWN_CHARACTERS] + "…"
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return _short(str(value))
