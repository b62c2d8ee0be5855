"""Ours: a whole training job, with data from shards, metrics and its journal. It waits between rounds."""

from __future__ import annotations

import os
import tempfile
import threading
from pathlib import Path
from statistics import median
from typing import Any

os.environ |= {"GOMP_SPINCOUNT": "1000", "THP_MEM_ALLOC_ENABLE": "1"}  # as `python -m trainer` sets them

import numpy as np

from benchmarks.frame.child import Round, serve
from benchmarks.gpt_shapes import Shape
from trainer.context import JobContext
from trainer.data.shard_writer import VersionWriter
from trainer.data.tokenizer import Tokenizer
from trainer.events import AnyEvent, Failed, Journal, Metrics, Resolved
from trainer.folder import AttemptSpec, JobFolder
from trainer.run import do_job
from trainer.spec import encode_spec, spec_from_dict

NUM_WARM_STEPS = 8
NUM_STEPS = 1_000_000


class Turns:
    """Listens to the job's events; holds it still between rounds."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.goal = NUM_WARM_STEPS
        self.go, self.done = threading.Event(), threading.Event()
        self.failure, self.machine = "", dict[str, Any]()

    def hear(self, event: AnyEvent) -> None:
        if isinstance(event, Failed):
            self.failure = f"{event.sentence}\n{event.details}"
            self.done.set()
        if isinstance(event, Resolved):
            self.machine = event.machine
        if isinstance(event, Metrics) and "time/seconds" in event.values:
            self.seconds += [float(second or 0) for second in event.values["time/seconds"]]
            if len(self.seconds) >= self.goal:
                self.done.set()
                self.go.wait()
                self.go.clear()

    def round(self, num_steps: int) -> float:
        """Return the median seconds of some steps."""
        first = len(self.seconds)
        self.goal = first + num_steps + 1
        self.done.clear()
        self.go.set()
        self.wait()
        return median(np.diff(self.seconds[first:]).tolist())

    def wait(self) -> None:
        self.done.wait()
        if self.failure:
            raise SystemExit(self.failure)


def prepare(arguments: dict[str, Any]) -> Round:
    shape, turns = Shape(**arguments["shape"]), Turns()
    folder = Path(tempfile.mkdtemp(prefix="bench-train-"))
    write_version(folder / "version", shape)
    job = JobFolder(folder / "job")
    job.path.mkdir()
    kind, spec = spec_from_dict(spec_of(shape, arguments, folder / "version"))
    job.spec.write_bytes(encode_spec(kind, spec))
    attempt = job.attempt(1)
    context = JobContext(
        folder=job,
        attempt=attempt,
        attempt_spec=AttemptSpec(fence=1),
        journal=Journal(attempt.journal),
        on_event=turns.hear,
    )
    threading.Thread(target=do_job, args=(context,), daemon=True).start()
    turns.wait()

    def one_round() -> tuple[float, dict[str, Any]]:
        rate = shape.tokens_per_step / turns.round(arguments["steps"])
        return rate, {name: str(turns.machine[name]) for name in ("dtype", "compile")}

    return one_round


def write_version(folder: Path, shape: Shape) -> None:
    """Prepare random tokens."""
    generator = np.random.default_rng(1)
    writer = VersionWriter(folder, made_up_tokenizer(shape.vocab))
    for split, num_documents in (("train", 1_000), ("validation", 2), ("test", 2)):
        tokens = generator.integers(0, shape.vocab, num_documents * 1_000).astype(np.uint16)
        lengths, labels = np.full(num_documents, 1_000), np.full(num_documents, -1, dtype=np.int32)
        origins = np.stack([np.zeros(num_documents, dtype=np.int64), np.arange(num_documents)], axis=1)
        writer.splits[split].append(tokens, lengths, labels, origins, len(tokens))
    writer.finish(sources=["random"], label_names=[])


def made_up_tokenizer(vocab_size: int) -> Tokenizer:
    """Return a tokenizer of so many ids that means nothing."""
    singles = [bytes([byte]) for byte in range(256)]
    pairs = [bytes([a, b]) for a in range(97, 97 + 100) for b in range(97, 97 + 100)]
    return Tokenizer.from_tokens([*singles, *pairs][: vocab_size - 1])


def spec_of(shape: Shape, arguments: dict[str, Any], version: Path) -> dict[str, Any]:
    return {
        "kind": "train",
        "family": "gpt",
        "model": {
            "form": "classic",
            "num_layers": shape.layers,
            "model_width": shape.width,
            "num_heads": shape.heads,
            "context_length": shape.length,
        },
        "data": {"path": str(version)},
        "batch": {"sequence_length": shape.length, "sequences_per_step": shape.batch},
        "schedule": {"num_steps": NUM_STEPS, "warmup_steps": 10},
        "evaluation": {"every_steps": NUM_STEPS, "max_batches": 1, "sample_tokens": 0},
        "checkpoint": {"every_steps": NUM_STEPS},
        "machine": {"dtype": arguments["dtype"], "compile": "on" if arguments["compile"] else "off"},
    }


if __name__ == "__main__":
    serve(prepare)
