"""One run in one process and in two, a thread each: how training scales over processes of this machine's processor.

The processes are a run's own, from `python -m trainer run` to its journal; what counts is the steps behind the first few.
A third form is one process with both threads, which is what two processes have to beat on one processor.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.frame.compare import Here, compare, options
from trainer.data.bpe import train_bpe
from trainer.data.shard_writer import VersionWriter
from trainer.events import Metrics, read_journal
from trainer.folder import JobFolder
from trainer.spec import encode_spec, spec_from_dict

NUM_WARM_STEPS, NUM_STEPS = 5, 30
WIDTH, LAYERS, LENGTH, SEQUENCES = 256, 4, 128, 8
FORMS = {
    "1 process, 1 thread": {"processes": 1, "threads": 1},
    "2 processes, DDP": {"processes": 2, "threads": 2, "strategy": "ddp"},
    "2 processes, FSDP": {"processes": 2, "threads": 2, "strategy": "fsdp"},
    "1 process, 2 threads": {"processes": 1, "threads": 2},
}


def made_up_version(folder: Path) -> Path:
    """Write text of random tokens: what a step takes does not depend on it."""
    writer = VersionWriter(folder, train_bpe(["some text of no account"], vocab_size=320), shard_tokens=200_000)
    for split, count in (("train", 200_000), ("validation", 2_000), ("test", 2_000)):
        tokens = np.random.default_rng(1).integers(0, 256, count).astype(np.uint16)
        label, origin = np.array([-1], dtype=np.int32), np.array([[0, 1]])
        writer.splits[split].append(tokens, np.array([count]), label, origin, count)
    writer.finish(sources=["made up"], label_names=[])
    return folder


def spec_of(version: Path, *, processes: int, threads: int, strategy: str = "auto") -> dict[str, Any]:
    return {
        "kind": "train",
        "family": "gpt",
        "model": {"num_layers": LAYERS, "model_width": WIDTH, "num_heads": 4, "context_length": LENGTH},
        "data": {"path": str(version)},
        "batch": {"sequence_length": LENGTH, "sequences_per_step": SEQUENCES, "micro_batch": SEQUENCES // 2},
        "schedule": {"num_steps": NUM_STEPS, "warmup_steps": 0},
        "evaluation": {"every_steps": NUM_STEPS, "max_batches": 1, "sample_tokens": 0},
        "checkpoint": {"every_steps": NUM_STEPS},
        "machine": {"device": "cpu", "dtype": "float32", "compile": "off", "num_threads": threads},
        "parallel": {"processes": processes, "strategy": strategy},
    }


def run_of(folder: Path, raw: dict[str, Any]) -> Callable[[], float]:
    """Return a function that does the run once and gives its tokens a second."""
    job = JobFolder(folder)
    folder.mkdir(parents=True)
    job.spec.write_bytes(encode_spec(*spec_from_dict(raw)))

    def one_round() -> float:
        fence = max(job.fences(), default=0) + 1
        command = [sys.executable, "-m", "trainer", "run", str(folder), "--attempt", str(fence)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seconds: dict[int, float] = {}
        for event, _ in read_journal(job.attempt(fence).journal):
            if isinstance(event, Metrics) and "time/seconds" in event.values:
                seconds |= zip(event.steps, event.values["time/seconds"], strict=True)  # type: ignore[arg-type]
        steps = NUM_STEPS - NUM_WARM_STEPS
        return steps * LENGTH * SEQUENCES / (seconds[NUM_STEPS] - seconds[NUM_WARM_STEPS])

    return one_round


def main() -> None:
    chosen = options(__doc__)
    with tempfile.TemporaryDirectory() as place:
        version = made_up_version(Path(place) / "version")
        compare(
            "parallel",
            f"d {WIDTH}, {LAYERS} layers, length {LENGTH}, {SEQUENCES} sequences a step, float32",
            [
                Here(name=name, work=run_of(Path(place) / str(n), spec_of(version, **form)))  # type: ignore[arg-type]
                for n, (name, form) in enumerate(FORMS.items())
            ],
            unit="tokens/s",
            rounds=chosen.rounds,
            peers=["1 process, 1 thread", "1 process, 2 threads"],
            is_recorded=not chosen.dry,
        )


if __name__ == "__main__":
    main()
