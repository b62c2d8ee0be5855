"""The job kind `predict`: every row of a table goes through a model; the rows come back with what it tells of them.

A column is added for the likeliest label and its probability, and what else the family gives: `labels` with all that
reach the threshold, `spans` as JSON, `vector` as JSON. Rows without text get empty cells: no row is lost. With checks
there are two more, `read` with the text as the model was given it and `guard` with what was decided of the row.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import ExitStack, closing
from itertools import chain, islice
from pathlib import Path
from typing import Any

from trainer.amounts import amount
from trainer.context import JobContext
from trainer.data.columns import column_names
from trainer.data.formats.reading import Row
from trainer.data.opening import check_source, open_source, rows_of
from trainer.data.readers import NUM_ROWS_TO_DETECT, detect_text_column, value_at
from trainer.data.skipped import SkipCounter
from trainer.data.sources import ReadLimits, SourceSpec
from trainer.errors import InputError
from trainer.events import Artifact, Finished, Message, Progress, Stopped
from trainer.inference.evaluate import machine_of
from trainer.inference.loading import LoadedModel, load_model
from trainer.inference.table_guards import GUARD_COLUMNS, TableGuards
from trainer.inference.table_spec import PredictSpec
from trainer.training.machine import apply_machine

GUARD_LOG = "guard_decisions.jsonl"
ADDED = ("predicted", "probability")
OPTIONAL = ("written", "labels", "spans", "vector")
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")


def run(spec: PredictSpec, context: JobContext) -> Finished | Stopped:
    """Write `artifacts/predictions.csv` and tell of it."""
    loaded = load_model(Path(spec.checkpoint), sha256=spec.sha256, device=spec.device)
    loaded.require("predict")
    assert loaded.stored is not None
    apply_machine(machine_of(loaded.stored, loaded.device))
    context.started(device=str(loaded.device))
    path = context.attempt.artifacts / "predictions.csv"
    skips, guards = SkipCounter(ReadLimits().max_broken_lines), TableGuards(spec.guards, path.with_name(GUARD_LOG))
    count = 0
    with guards:
        for count in predict_table(spec, loaded, path, skips, guards):
            context.emit(Progress(done=count, unit="row", phase="predicting"))
            if context.should_stop():
                return Stopped(sentence=f"Stopped after {amount(count, 'row')}; predict again to have them all.")
    for skip in skips.as_report():
        context.emit(Message(text=f"{skip['reason']}: {skip['examples'][0]}.", level="warning"))
    for made in (path, *([guards.log] if guards.num_decisions else [])):
        context.emit(Artifact(name=made.stem, path=context.path_in_job(made), size_bytes=made.stat().st_size))
    return Finished(
        result={"num_rows": count, "num_guard_decisions": guards.num_decisions},
        sentence=f"Predicted {amount(count, 'row')}.{guards.sentence()}",
    )


def predict_table(
    spec: PredictSpec, loaded: LoadedModel, path: Path, skips: SkipCounter, guards: TableGuards
) -> Iterator[int]:
    """Write the answers; yield how many rows are done after each batch."""
    source = SourceSpec(path=spec.table, name=spec.table_name, text_column=spec.text_column)
    check_source(source)
    with ExitStack() as stack:
        files = stack.enter_context(closing(open_source(source, ReadLimits(), skips)))  # type: ignore[type-var]
        file = next(files, None)
        if file is None or file.format == "text":
            raise InputError(f"{source.display_name} is no table; give a CSV, TSV, JSONL or Parquet file")
        rows = rows_of(file)
        head = list(islice(rows, NUM_ROWS_TO_DETECT))
        if not head:
            raise InputError(f"{source.display_name} has no rows")
        column = detect_text_column(head, file)
        columns = column_names(head)
        path.parent.mkdir(parents=True, exist_ok=True)
        out = stack.enter_context(open(path, "w", newline="", encoding="utf-8"))
        batches = in_batches(chain(head, rows), spec.batch_size)
        writer, done, extra = csv.writer(out), 0, told_besides(loaded)
        names = own_names([*ADDED, *extra, *(GUARD_COLUMNS if guards.rules else ())], columns)
        writer.writerow([safe(name) for name in columns] + names)
        for batch in batches:
            read = [guards.read(done + i, text_of(row, column)) for i, (_, row) in enumerate(batch, start=1)]
            answers = answers_to(loaded, read)
            for (_, row), text, answer in zip(batch, read, answers, strict=True):
                done += 1
                told = cells(guards.told(done, answer), spec.threshold, extra)
                own = [safe(row.get(name)) for name in columns]
                writer.writerow([*own, *told, *map(safe, guards.cells(done, text))])
            yield done


def told_besides(loaded: LoadedModel) -> list[str]:
    """Return what the model tells of any text besides a label: the first rows of a table may have none to ask about."""
    answer = answers_to(loaded, ["a"])[0]
    return [name for name in OPTIONAL if name in answer]


def answers_to(loaded: LoadedModel, texts: list[str]) -> list[dict[str, Any]]:
    """Ask the model about the texts that there are; an empty one has an empty answer. `all` holds the labels."""
    given = [text for text in texts if text.strip()]
    found = iter(loaded.task.answers(loaded.model, given) if given else [])
    answers = []
    for text in texts:
        answer = next(found) if text.strip() else {"labels": []}
        labels = answer.pop("labels")
        several = {"labels": labels} if loaded.task.has_many_labels else {}
        answers.append({**answer, **several, "all": labels})
    return answers


def cells(answer: dict[str, Any], threshold: float, extra: list[str]) -> list[Any]:
    """Return the added cells of a row."""
    best = max(answer["all"], key=lambda each: each["probability"], default=None)
    found: list[Any] = [safe(best["label"]) if best else "", f"{best['probability']:.6f}" if best else ""]
    for name in extra:
        value = answer.get(name)
        if name == "labels":
            named = [each["label"] for each in value or [] if each["probability"] >= threshold]
            found.append(safe("|".join(named)))
        elif name == "written":
            found.append(safe(value))
        else:
            found.append("" if value is None else json.dumps(value, ensure_ascii=False))
    return found


def in_batches(rows: Iterator[Row], size: int) -> Iterator[list[Row]]:
    while batch := list(islice(rows, size)):
        yield batch


def text_of(row: dict[str, Any], column: str) -> str:
    value = value_at(row, column)
    return value if isinstance(value, str) else ""


def own_names(names: list[str], taken: list[str]) -> list[str]:
    """Return names for the added columns that no column of the table has."""
    return [f"model_{name}" if name in taken else name for name in names]


def safe(value: Any) -> Any:
    """Return a cell that no spreadsheet runs: text that starts like a formula gets an apostrophe."""
    if value is None or isinstance(value, int | float):
        return "" if value is None else value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"'{text}" if text.startswith(FORMULA_SIGNS) else text
