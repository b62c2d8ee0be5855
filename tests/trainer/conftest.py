"""A small prepared version made of a text that a tiny model can learn, and a way to run jobs on it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainer.context import JobContext
from trainer.data.bpe import train_bpe
from trainer.data.shard_writer import VersionWriter
from trainer.events import AnyEvent, Journal, read_journal
from trainer.folder import AttemptSpec, JobFolder
from trainer.run import do_job
from trainer.spec import encode_spec, spec_from_dict

WORDS = {
    "weather": ["rain", "wind", "cloud", "sun", "storm", "frost", "今天", "天气", "很好", "warm", "cold"],
    "kitchen": ["salt", "bread", "butter", "knife", "oven", "面包", "spoon", "soup", "plate", "pepper"],
}


def make_documents(count: int, *, seed: int = 7) -> list[tuple[str, int]]:
    """Return documents with the number of their label; each label has words of its own."""
    chance = random.Random(seed)
    documents = []
    for number in range(count):
        label = number % len(WORDS)
        words = chance.choices(list(WORDS.values())[label], k=chance.randint(5, 40))
        documents.append((" ".join(words) + ".", label))
    return documents


def write_version(
    folder: Path,
    documents: list[tuple[str, int]],
    *,
    with_labels: bool = True,
    label_names: Sequence[str] = tuple(WORDS),
) -> Path:
    """Prepare documents by hand: eight in ten to train on, one to validate, one to test."""
    tokenizer = train_bpe([text for text, _ in documents] or ["nothing"], vocab_size=320)
    writer = VersionWriter(folder, tokenizer, shard_tokens=4_000)
    for number, (text, label) in enumerate(documents):
        split = {8: "validation", 9: "test"}.get(number // 2 % 10, "train")
        tokens = np.array([*tokenizer.encode(text), tokenizer.end_of_text_id], dtype=np.uint16)
        labels = np.array([label if with_labels else -1], dtype=np.int32)
        origin = np.array([[0, number + 1]])
        writer.splits[split].append(tokens, np.array([len(tokens)]), labels, origin, len(text.encode()))
    writer.finish(sources=["made.jsonl"], label_names=list(label_names) if with_labels else [])
    return folder


@pytest.fixture(scope="session")
def version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_version(tmp_path_factory.mktemp("prepared") / "version", make_documents(600))


NANO = {"num_layers": 2, "model_width": 32, "num_heads": 2, "context_length": 32}


def train_dict(version: Path, **changes: Any) -> dict[str, Any]:
    """Return a spec of a few quick steps; `changes` replace single fields: `optimizer={"name": "muon"}`."""
    raw: dict[str, Any] = {
        "kind": "train",
        "family": "gpt",
        "model": dict(NANO),
        "data": {"path": str(version)},
        "batch": {"sequence_length": 16, "sequences_per_step": 4},
        "optimizer": {"learning_rate": 3e-3},
        "schedule": {"num_steps": 12, "warmup_steps": 3},
        "evaluation": {"every_steps": 4, "max_batches": 2, "sample_tokens": 4},
        "checkpoint": {"every_steps": 3},
        "machine": {"device": "cpu", "dtype": "float32", "compile": "off", "num_threads": 1},
    }
    for name, value in changes.items():
        raw[name] = {**raw.get(name, {}), **value} if isinstance(value, dict) else value
    return raw


def write_job(folder: Path, raw: dict[str, Any]) -> Path:
    kind, spec = spec_from_dict(raw)
    folder.mkdir(parents=True, exist_ok=True)
    JobFolder(folder).spec.write_bytes(encode_spec(kind, spec))
    return folder


def run_job(
    folder: Path,
    raw: dict[str, Any],
    *,
    fence: int = 1,
    resume_from: list[Path] | None = None,
    stop_at_step: int | None = None,
) -> list[AnyEvent]:
    """Do an attempt in this process and return its events. With `stop_at_step` it is told to stop there."""
    write_job(folder, raw)
    job = JobFolder(folder)
    journal = Journal(job.attempt(fence).journal)
    attempt_spec = AttemptSpec(fence=fence, resume_from=[str(path) for path in resume_from or []])
    context = JobContext(folder=job, attempt=job.attempt(fence), attempt_spec=attempt_spec, journal=journal)
    if stop_at_step is not None:
        stop_when_told(context, stop_at_step)
    do_job(context)
    journal.close()
    return events_of(folder, fence)


def stop_when_told(context: JobContext, step: int) -> None:
    """Make the context ask for a stop once the journal tells of that step."""
    emit = context.emit

    def emit_and_look(event: AnyEvent) -> int:
        line = emit(event)
        if max(getattr(event, "steps", [0])) >= step:
            context.request_stop("stop")
        return line

    context.emit = emit_and_look  # type: ignore[method-assign]


def events_of(folder: Path, fence: int = 1) -> list[AnyEvent]:
    return [event for event, _ in read_journal(JobFolder(folder).attempt(fence).journal)]


def of_kind(events: list[AnyEvent], kind: type) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def metric(events: list[AnyEvent], key: str) -> dict[int, float | None]:
    """Return a metric by step."""
    found = {}
    for event in events:
        if key in getattr(event, "values", {}):
            found.update(zip(event.steps, event.values[key], strict=True))
    return found


def last_checkpoint(folder: Path, fence: int = 1) -> Path:
    """Return the newest checkpoint of an attempt."""
    found = [path for path in JobFolder(folder).attempt(fence).checkpoints.iterdir() if path.name.isdigit()]
    return max(found, key=lambda path: int(path.name))
