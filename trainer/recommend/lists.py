"""The job kind `recommend`: a list for every user, as a CSV or Parquet file with a row for each place."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from trainer.amounts import amount
from trainer.context import JobContext
from trainer.data.interactions.store import InteractionSplit
from trainer.data.shards import open_version
from trainer.events import Artifact, Finished, Progress, Stopped
from trainer.inference.evaluate import machine_of
from trainer.inference.loading import LoadedModel, load_model
from trainer.inference.table import safe
from trainer.recommend.examples import Examples
from trainer.recommend.lists_spec import RecommendSpec
from trainer.recommend.task import RecommenderTask, mask_seen
from trainer.training.machine import apply_machine
from trainer.training.measuring import to_device

Row = tuple[int, str, int, str, str, float]
"""Number of the user, and what stands in the file."""

COLUMNS = ("user", "place", "item", "title", "score")
SCHEMA = pa.schema(
    [
        ("user", pa.string()),
        ("place", pa.int32()),
        ("item", pa.string()),
        ("title", pa.string()),
        ("score", pa.float32()),
    ]
)


def run(spec: RecommendSpec, context: JobContext) -> Finished | Stopped:
    """Write `artifacts/recommendations.csv` (or .parquet) and tell of it."""
    loaded = load_model(Path(spec.checkpoint), sha256=spec.sha256, device=spec.device)
    loaded.require("recommend")
    assert loaded.stored is not None
    apply_machine(machine_of(loaded.stored, loaded.device))
    context.started(device=str(loaded.device))
    version = open_version(Path(spec.data_path or loaded.task.spec.data.path))
    loaded.task.require_fitting(version)
    split: InteractionSplit = version.open_split("test")
    path = context.attempt.artifacts / f"recommendations.{spec.form}"
    path.parent.mkdir(parents=True, exist_ok=True)
    done = 0
    with writer_of(path) as write:
        for rows in lists(loaded, split, spec):
            write(rows)
            done = rows[-1][0] + 1 if rows else done
            context.emit(Progress(done=done, total=split.num_users, unit="user", phase="recommending"))
            if context.should_stop():
                return Stopped(sentence=f"Stopped after {amount(done, 'user')}; start again to have them all.")
    context.emit(Artifact(name="recommendations", path=context.path_in_job(path), size_bytes=path.stat().st_size))
    return Finished(
        result={"num_users": split.num_users, "places": spec.places},
        sentence=f"Made {amount(spec.places, 'recommendation')} for each of {amount(split.num_users, 'user')}.",
    )


@torch.inference_mode()
def lists(loaded: LoadedModel, split: InteractionSplit, spec: RecommendSpec) -> Iterator[list[Row]]:
    """Yield rows (number of the user, user, place, item, title, score) of a batch of users at a time."""
    task, model = loaded.task, loaded.model
    assert isinstance(task, RecommenderTask)
    every, names = split.everything, split.user_names
    examples = Examples(split, max_history=task.model_spec.max_history)
    for first in range(0, split.num_users, spec.batch_size):
        users = np.arange(first, min(first + spec.batch_size, split.num_users))
        ends = np.asarray(every.starts[users + 1])
        seen = every.last(users, ends, len(every.items))
        batch = examples.described(every.last(users, ends, task.model_spec.max_history), users)
        scores = model.score_all(to_device(batch, str(loaded.device))).float()  # type: ignore[operator]
        mask_seen(scores, torch.from_numpy(seen.numbers.astype(np.int64)), torch.from_numpy(seen.starts[:-1]))
        top = scores.topk(min(spec.places, scores.size(1)), dim=1)
        rows: list[Row] = []
        for user, values, items in zip(users.tolist(), top.values.tolist(), top.indices.tolist(), strict=True):
            for place, (value, item) in enumerate(zip(values, items, strict=True), start=1):
                if value > float("-inf"):
                    rows.append((user, names[user], place, task.items[item].name, task.items[item].title, value))
        yield rows


@contextmanager
def writer_of(path: Path) -> Iterator[Callable[[list[Row]], object]]:
    """Open a file by its ending; give a function that writes rows."""
    if path.suffix == ".parquet":
        with pq.ParquetWriter(path, SCHEMA) as parquet:
            yield lambda rows: parquet.write_table(as_table(rows))
        return
    with open(path, "w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(COLUMNS)
        yield lambda rows: out.writerows(
            (safe(user), n, safe(item), safe(title), score) for _, user, n, item, title, score in rows
        )


def as_table(rows: list[Row]) -> pa.Table:
    columns = zip(*(row[1:] for row in rows), strict=True) if rows else ([] for _ in COLUMNS)
    return pa.table(dict(zip(COLUMNS, map(list, columns), strict=True)), schema=SCHEMA)
