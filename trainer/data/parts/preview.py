"""The first rows of files as the parts that they become, so that a wrong column or form is seen before anything is prepared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from trainer.data.columns import column_names
from trainer.data.formats.reading import BrokenFileError, Row
from trainer.data.opening import OpenFile, check_source, open_source, rows_of
from trainer.data.parts import chats, pairs, preferences
from trainer.data.parts.reading import RowReader, Unfit, first_rows, with_columns
from trainer.data.parts.recipe import ChatsStep, PairsStep, PreferencesStep
from trainer.data.preview import SHOWN_CHARACTERS, Preview, PreviewFile, PreviewRow
from trainer.data.skipped import SkipCounter
from trainer.data.sources import ReadLimits, SourceSpec
from trainer.errors import InputError

Reader = Callable[[OpenFile, list[Row]], tuple[str, RowReader]]
"""From a file and its first rows to the name of the form found in it, and what reads a row."""


def preview_pairs(sources: Sequence[SourceSpec | str | Path], *, rows: int = 100) -> Preview:
    def reader(file: OpenFile, head: list[Row]) -> tuple[str, RowReader]:
        return pairs.file_reader(file, head, PairsStep(drop_identical=False))

    return preview_parts(sources, rows, reader)


def preview_chats(sources: Sequence[SourceSpec | str | Path], *, rows: int = 100) -> Preview:
    return preview_parts(sources, rows, lambda file, head: chats.reader(file.reading.source, head, ChatsStep()))


def preview_preferences(sources: Sequence[SourceSpec | str | Path], *, rows: int = 100) -> Preview:
    def reader(file: OpenFile, head: list[Row]) -> tuple[str, RowReader]:
        return "chosen and rejected", preferences.reader(file.reading.source, head, PreferencesStep())

    return preview_parts(sources, rows, reader)


def preview_parts(sources: Sequence[SourceSpec | str | Path], rows: int, reader: Reader) -> Preview:
    """Return the first rows, each as its parts; what is wrong is said in the result, not raised."""
    result, skips = Preview(), SkipCounter(1 << 30)
    try:
        for source in sources:
            spec = source if isinstance(source, SourceSpec) else SourceSpec(path=str(source))
            check_source(spec)
            for file in open_source(spec, ReadLimits(), skips):
                _preview_file(file, rows - len(result.rows), reader, result, skips)
    except InputError as error:
        result.error = str(error)
    result.skipped = skips.as_report()
    result.warnings += [f"{skip['reason']} ({skip['count']}): {skip['examples'][0]}" for skip in result.skipped[:5]]
    result.warnings += skips.remarks()
    result.columns = list(dict.fromkeys(name for row in result.rows for name in row.values))
    if not result.rows and not result.error:
        result.error = result.warnings[0] if result.warnings else "The files hold nothing that can be learnt from."
    return result


def _preview_file(file: OpenFile, left: int, reader: Reader, result: Preview, skips: SkipCounter) -> None:
    result.num_files += 1
    try:
        file = with_columns(file)
        head, broken = first_rows(rows_of(file), max(1, left))
        if broken:
            skips.broken(broken.reason, file.reading.where, broken.detail)
        if not head:
            return
        result.raw_columns = list(dict.fromkeys([*result.raw_columns, *column_names(head)]))
        form, read = reader(file, head)
    except BrokenFileError as error:
        skips.broken(error.reason, file.reading.where, error.detail)
        return
    result.form = result.form or form
    result.files.append(PreviewFile(file.reading.where, file.format, file.encoding, column_names(head)))
    for number, row in head[: max(left, 0)]:
        try:
            made = read(row)
        except Unfit as unfit:
            skips.passed_over(unfit.reason, f"{file.reading.where} row {number:,}")
            continue
        result.rows += [PreviewRow(file.reading.where, number, _shown(each.parts)) for each in made]
        for how in [how for each in made for how in each.remarks]:
            skips.remark(how, f"{file.reading.where} row {number:,}")


def _shown(parts: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return the parts as cells, one a role; the turns of a role stand below one another."""
    cells: dict[str, str] = {}
    for role, text in parts:
        cells[role] = f"{cells[role]}\n— {text}" if role in cells else text
    return {
        role: text[:SHOWN_CHARACTERS] + ("…" if len(text) > SHOWN_CHARACTERS else "") for role, text in cells.items()
    }
