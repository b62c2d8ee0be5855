"""The first rows of tables, before anything is prepared: what each column seems to hold, and what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trainer.data.interactions.columns import find_columns, told_of
from trainer.data.interactions.recipe import ReadStep
from trainer.data.preview import Preview
from trainer.data.preview import preview as preview_rows
from trainer.data.sources import SourceSpec
from trainer.errors import InputError


def preview(sources: Sequence[SourceSpec | str | Path], *, rows: int = 100) -> Preview:
    """Return the first rows of the sources; what is wrong is said in the result, not raised."""
    result = preview_rows(sources, rows=rows)
    result.text_column, result.label_columns = "", []
    result.warnings = [warning for warning in result.warnings if not warning.startswith("No column holds text")]
    if not result.columns:
        result.error = result.error or "The files are no tables; upload CSV, TSV, JSONL or Parquet."
        return result
    head = [row.values for row in result.rows]
    told = []
    for file in result.files:
        try:
            told.append(told_of(find_columns(file.columns, head, ReadStep())))
        except InputError as error:
            result.warnings.insert(0, f"{file.name}: {error}")
    result.form = "; ".join(dict.fromkeys(told))
    return result
