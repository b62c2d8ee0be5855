"""Pairs: a source and the target that is made of it. The columns are chosen, or recognised by their names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from trainer.data.columns import column_names
from trainer.data.formats.reading import Row
from trainer.data.opening import OpenFile
from trainer.data.parts.reading import Made, RowReader, Unfit, documents_of_rows, first_named, no_columns, text_at
from trainer.data.parts.recipe import PairsRecipe, PairsStep
from trainer.data.sources import Document, SourceSpec

SOURCE_NAMES = (
    "source",
    "src",
    "input",
    "question",
    "text",
    "article",
    "document",
    "en",
    "english",
    "原文",
    "源文",
    "英文",
    "英语",
)
TARGET_NAMES = (
    "target",
    "tgt",
    "output",
    "answer",
    "translation",
    "summary",
    "highlights",
    "zh",
    "chinese",
    "译文",
    "目标",
    "中文",
    "摘要",
)
ALWAYS_COMPARED = 20


def documents(file: OpenFile, recipe: PairsRecipe) -> Iterator[Document]:
    """Yield the pairs of a file."""
    return documents_of_rows(file, lambda opened, head: file_reader(opened, head, recipe.pairs)[1])


def file_reader(file: OpenFile, head: Sequence[Row], step: PairsStep) -> tuple[str, RowReader]:
    """Return the two columns in words, and what makes a pair of a row."""
    source = file.reading.source
    names = pair_columns(source, head)
    rows = nested_rows(head)
    is_chosen = source.text_column or source.target_column or first_named(rows, SOURCE_NAMES + TARGET_NAMES)
    if file.format in ("csv", "tsv") and not is_chosen and not names[0].startswith("column_"):
        how = "the first row was taken as the names of the columns, though no name is known"
        file.reading.skips.remark(how, f"{file.reading.where}: {names[0]!r} and {names[1]!r}")
    return " → ".join(names), reader(source, head, step)


def reader(source: SourceSpec, head: Sequence[Row], step: PairsStep) -> RowReader:
    """Return what makes a pair of a row; raise `BrokenFileError` where no two columns can be told."""
    first, second = pair_columns(source, head)

    def read(row: dict[str, Any]) -> list[Made]:
        nested = row.get("translation")  # {"translation": {"en": ..., "zh": ...}}
        values = nested if isinstance(nested, dict) else row
        ours, theirs = text_at(values, first).strip(), text_at(values, second).strip()
        check(ours, theirs, step)
        made = [Made([("source", ours), ("target", theirs)], ours)]
        # a pair learnt both ways keeps to one split: its key is that of the first direction
        return [*made, Made([("source", theirs), ("target", ours)], ours)] if step.both_ways else made

    return read


def check(ours: str, theirs: str, step: PairsStep) -> None:
    """Raise `Unfit` where the two sides cannot be a pair."""
    if not ours or not theirs:
        raise Unfit("empty source" if not ours else "empty target")
    if step.drop_identical and ours == theirs:
        raise Unfit("both sides the same", ours[:80])
    longer, shorter = max(len(ours), len(theirs)), min(len(ours), len(theirs))
    if step.max_length_ratio and longer > ALWAYS_COMPARED and longer > step.max_length_ratio * shorter:
        raise Unfit("lengths too different", f"{len(ours)} and {len(theirs)} characters: {ours[:60]}")


def pair_columns(source: SourceSpec, head: Sequence[Row]) -> tuple[str, str]:
    """Return the columns of both sides: those chosen, else by their names, else the only two there are."""
    rows = nested_rows(head)
    names = column_names(rows)
    first = source.text_column or first_named(rows, SOURCE_NAMES)
    second = source.target_column or first_named([(n, without(row, first)) for n, row in rows], TARGET_NAMES)
    if not first and second:
        first = next((name for name in names if name != second), "")
    if first and not second and len(names) == 2:
        second = next(name for name in names if name != first)
    if not first and not second and len(names) == 2:
        first, second = names
    if not first or not second or first not in names or second not in names:
        raise no_columns(rows, "choose the column of the source and that of the target")
    return first, second


def nested_rows(head: Sequence[Row]) -> list[Row]:
    return [(n, row["translation"] if isinstance(row.get("translation"), dict) else row) for n, row in head]


def without(row: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != name}
