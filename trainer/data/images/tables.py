"""Classes of pictures out of tables.

A table is a CSV, TSV or JSONL file with a column of paths (path, file, filename, image) and one of labels (label, class,
category). Paths are those inside the zip or folder; the bare file name, with or without its ending, is enough where it is
unique. Where there is a table, folders are no classes: a picture that it does not name has none.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator

from trainer.data.formats.table import delimiter_of
from trainer.data.images.files import TABLE_ENDINGS, ending_of, members
from trainer.data.images.naming import Pictures
from trainer.data.skipped import SkipCounter
from trainer.data.sources import SourceSpec
from trainer.errors import InputError

PATH_COLUMNS = (
    "path", "file", "filename", "file_name", "image", "image_path", "file_path", "filepath", "image_id", "id", "name",
)  # fmt: skip
LABEL_COLUMNS = ("label", "class", "category", "target")
Row = tuple[str, str, str]
"""Path, label, and where the row stands."""


def read_labels(sources: list[SourceSpec], pictures: Pictures, skips: SkipCounter) -> dict[str, str] | None:
    """Return the label of each picture that tables name, by where it lies; None where there is no table.

    A row whose folders are those of its picture comes before one that only has its file name.
    """
    labels: dict[str, str] = {}
    rows = list(label_rows(sources, skips))
    alone: dict[str, list[Row]] = {}
    for row in rows:
        path, _, where = row
        found, is_whole = pictures.meant_by(path, said_in=where.rpartition(" line ")[0])
        if not found:
            skips.passed_over("in the table, but no picture is there", path)
        elif len(found) > 1:
            skips.broken("row that may mean several pictures", where, f"{path} may be {found[0]} or {found[1]}")
        elif is_whole:
            _add(labels, found[0], row, skips)
        else:
            alone.setdefault(found[0], []).append(row)
    for picture, of_its_name in alone.items():
        if picture not in labels and len({label for _, label, _ in of_its_name}) == 1:
            labels[picture] = of_its_name[0][1]
        else:
            for path, _, _ in of_its_name:
                skips.passed_over("in the table, but no picture is there", path)
    return labels if rows else None


def _add(labels: dict[str, str], picture: str, row: Row, skips: SkipCounter) -> None:
    path, label, where = row
    if labels.setdefault(picture, label) != label:
        skips.broken(
            "picture named twice with different classes", where,
            f"{path} is {label} here and {labels[picture]} before, which counts",
        )  # fmt: skip


def label_rows(sources: list[SourceSpec], skips: SkipCounter) -> Iterator[Row]:
    """Yield the rows of all tables among the sources; those without a path or a label are counted."""
    for source in sources:
        for path, where, data in members(source, skips, TABLE_ENDINGS):
            if data is not None:
                yield from _table(data, path, where, source, skips)


def _table(data: bytes, path: str, where: str, source: SourceSpec, skips: SkipCounter) -> Iterator[Row]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{where} is not UTF-8 (byte {error.start:,}); save it as UTF-8.") from None
    rows = _json_rows(text, where) if ending_of(path) in {".jsonl", ".ndjson"} else _csv_rows(text, where)
    columns: tuple[str, str] | None = None
    for number, row in rows:
        columns = columns or _columns(row, source, where)
        file, label = ("" if row.get(column) is None else str(row[column]).strip() for column in columns)
        place = f"{where} line {number:,}"
        if file and label:
            yield file, label, place
        else:
            skips.passed_over("row of the table without a path or without a label", place)


def _columns(row: dict[str, object], source: SourceSpec, where: str) -> tuple[str, str]:
    names = {name.strip().lower().replace(" ", "_"): name for name in row if isinstance(name, str)}
    path = next((names[name] for name in PATH_COLUMNS if name in names), None)
    label = source.label_column if source.label_column in row else None
    label = label or next((names[name] for name in LABEL_COLUMNS if name in names), None)
    if path is None or label is None:
        raise InputError(
            f"{where} has the columns {', '.join(map(str, row))}; it needs one of paths ({', '.join(PATH_COLUMNS[:3])}) "
            f"and one of labels ({', '.join(LABEL_COLUMNS[:3])})."
        )
    return path, label


def _csv_rows(text: str, where: str) -> Iterator[tuple[int, dict[str, object]]]:
    reader = csv.DictReader(io.StringIO(text), delimiter=delimiter_of(text.encode()[: 1 << 16]))
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        raise InputError(f"{where} line {reader.line_num + 1:,} is no row of a table ({error}); correct it.") from None


def _json_rows(text: str, where: str) -> Iterator[tuple[int, dict[str, object]]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise InputError(f"{where} line {number:,} is not JSON ({error}); correct it.") from None
            if not isinstance(row, dict):
                raise InputError(f"{where} line {number:,} is no object with a path and a label; correct it.")
            yield number, row
