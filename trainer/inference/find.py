"""Finds the checkpoint that a person means by a folder: a checkpoint itself, or the best or last one of a job."""

from __future__ import annotations

from pathlib import Path

import msgspec

from trainer.errors import CheckpointError
from trainer.folder import JobFolder
from trainer.training.checkpoint import MANIFEST, STATE
from trainer.training.state import TrainState


def find_checkpoint(folder: Path) -> Path:
    """Return the checkpoint in `folder`; for a job folder its best one, or its last where none was validated."""
    if (folder / MANIFEST).is_file() and (folder / STATE).is_file():
        return folder
    newest = checkpoints_of(folder)
    if not newest:
        raise CheckpointError(f"{folder} is neither a checkpoint nor a job folder with checkpoints")
    state = msgspec.json.decode((newest[0] / STATE).read_bytes(), type=TrainState)
    best = (newest[0] / state.best.path).resolve() if state.best else newest[0]
    return best if (best / MANIFEST).is_file() else newest[0]


def checkpoints_of(folder: Path) -> list[Path]:
    """Return the checkpoints of all attempts of a job, the furthest first; of equal steps the latest attempt's."""
    job = JobFolder(folder)
    found = [
        (int(path.name), fence, path)
        for fence in job.fences()
        for path in job.attempt(fence).checkpoints.glob("*")
        if path.name.isdigit()
    ]
    return [path for _, _, path in sorted(found, reverse=True)]
