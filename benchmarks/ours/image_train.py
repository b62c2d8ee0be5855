"""Ours: a whole training job of images, from packed shards, with metrics and its journal. It waits between rounds."""

from __future__ import annotations

import os
import tempfile
import threading
from pathlib import Path
from typing import Any

os.environ |= {"GOMP_SPINCOUNT": "1000", "THP_MEM_ALLOC_ENABLE": "1"}  # as `python -m trainer` sets them

import numpy as np

from benchmarks.frame.child import Round, serve
from benchmarks.image_shapes import BATCH, NUM_CLASSES, NUM_IMAGES, SIDE
from benchmarks.ours.gpt_train import NUM_STEPS, Turns
from trainer.context import JobContext
from trainer.data.images.store import finish, write_split
from trainer.events import Journal
from trainer.folder import AttemptSpec, JobFolder
from trainer.run import do_job
from trainer.spec import encode_spec, spec_from_dict


def prepare(arguments: dict[str, Any]) -> Round:
    turns, folder = Turns(), Path(tempfile.mkdtemp(prefix="bench-images-"))
    write_version(folder / "version")
    job = JobFolder(folder / "job")
    job.path.mkdir()
    kind, spec = spec_from_dict(spec_of(arguments, folder / "version"))
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
        rate = BATCH / turns.round(arguments["steps"])
        return rate, {name: str(turns.machine[name]) for name in ("dtype", "compile")}

    return one_round


def write_version(folder: Path) -> None:
    """Prepare pictures of noise."""
    folder.mkdir()
    chance = np.random.default_rng(1)
    pixels = chance.integers(0, 256, (NUM_IMAGES, SIDE, SIDE, 3), dtype=np.uint8)
    labels = (np.arange(NUM_IMAGES) % NUM_CLASSES).astype(np.int32)
    (folder / "sources.jsonl").write_text('"noise"\n' * NUM_IMAGES)
    chosen = {"train": np.arange(64, NUM_IMAGES), "validation": np.arange(32), "test": np.arange(32, 64)}
    finish(
        folder,
        data_kind="images",
        splits={
            name: write_split(folder, name, pixels=pixels, chosen=numbers, labels=labels, boxes=[])
            for name, numbers in chosen.items()
        },
        label_names=[str(label) for label in range(NUM_CLASSES)],
        facts={"side": SIDE, "num_channels": 3, "method": "crop", "mean": [0.5] * 3, "deviation": [0.25] * 3},
        recipe_hash="",
    )


def spec_of(arguments: dict[str, Any], version: Path) -> dict[str, Any]:
    return {
        "kind": "train",
        "family": "vision",
        "model": {
            "architecture": arguments["architecture"],
            "shift_fraction": 0.0,
            "colour_fraction": 0.0,
            "flip": True,
        },
        "data": {"path": str(version)},
        "batch": {"sequence_length": 1, "sequences_per_step": BATCH},
        "schedule": {"num_steps": NUM_STEPS, "warmup_steps": 10},
        "evaluation": {"every_steps": NUM_STEPS, "max_batches": 1, "sample_tokens": 0},
        "checkpoint": {"every_steps": NUM_STEPS},
        "machine": {"dtype": arguments["dtype"], "compile": "auto"},
    }


if __name__ == "__main__":
    serve(prepare)
