"""Saves a run as it goes: writes a checkpoint, tells of it, and removes those that need not stay.

An old checkpoint goes only once the supervisor has stored the news of the one in its place. A supervisor that freezes is
replaced, and the run then resumes elsewhere from the last checkpoint that was told of: it must still be there, although
this process may train on, unheard.
"""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from pathlib import Path

from trainer.events import Checkpoint, CheckpointRemoved
from trainer.training.checkpoint import tensor_bytes, write_checkpoint, writing_folder
from trainer.training.keep import Kept
from trainer.training.setting import Setting
from trainer.training.state import TrainState, random_states


class Saver:
    """Writes the checkpoints of one attempt. `last_step` is the newest step that lies on disk."""

    def __init__(self, setting: Setting, *, last_step: int | None) -> None:
        self.set = setting
        self.last_step = last_step
        self.kept = Kept(setting.spec.checkpoint.keep_last)
        self.told_line = 0
        self.best_path: Path | None = None
        self.may_remove = False

    def save(self, state: TrainState, *, metrics: dict[str, float | None]) -> None:
        """Write a checkpoint of this moment, verify it and tell of it; old ones go when that was heard."""
        folder = self.set.context.attempt.checkpoints
        here = folder.resolve() / str(state.step)
        is_best = state.best is not None and state.best.step == state.step
        if state.best is not None and is_best:
            state.best.path = str(here)
        write = partial(self.set.group.write_tensors, model=self.set.model, optimizer=self.set.optimizer)
        as_stored = self.as_stored(state, here)
        self.last_step = state.step
        if not self.set.group.speaks:
            write(writing_folder(folder, state.step))
            self.set.group.wait()
            return
        weights, optimizer = self.set.model.state_dict(), self.set.optimizer.state_tensors()
        stored = write_checkpoint(
            folder,
            spec=self.set.spec,
            state=as_stored,
            num_bytes=tensor_bytes(weights) + tensor_bytes(optimizer),
            write_tensors=write,
            assets=self.set.task.assets,
            facts=self.set.facts,
            metrics=metrics,
        )
        self.set.group.wait()
        self.kept.add(stored.path)
        relative = self.set.context.path_in_job
        self.told_line = self.set.context.emit(
            Checkpoint(
                step=state.step,
                path=relative(stored.path),
                sha256=stored.sha256,
                size_bytes=stored.manifest.size_bytes,
                metrics=metrics,
                is_best=is_best,
            )
        )
        self.best_path = Path(state.best.path) if state.best else None
        self.may_remove = True
        self.remove_old()

    def remove_old(self) -> None:
        """Remove what need not stay, if the newest checkpoint is known to others. Cheap: asked after every step."""
        if not self.may_remove or not self.set.context.is_stored(self.told_line):
            return
        self.may_remove = False
        for removed in self.kept.remove_old(self.best_path):
            path = self.set.context.path_in_job(removed)
            self.set.context.emit(CheckpointRemoved(step=int(removed.name), path=path))

    def as_stored(self, state: TrainState, here: Path) -> TrainState:
        """Return the state with what is only known now: random numbers, scaler, the way from here to the best."""
        return replace(
            state,
            best=replace(state.best, path=os.path.relpath(state.best.path, here)) if state.best else None,
            random_states=self.set.group.random_states(random_states()),
            scaler=self.set.scaler.state_dict() if self.set.scaler is not None else {},
            machine=self.set.machine,
            reasons=self.set.reasons,
        )
