"""Opens a checkpoint for use: verified, on a device, ready to be asked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch import nn

from trainer.adapt.build import build_model
from trainer.compress.quantise import as_stored
from trainer.errors import InputError
from trainer.inference.engine import LanguageModel
from trainer.training.checkpoint import StoredCheckpoint, tensor_bytes, verify_checkpoint
from trainer.training.machine import resolve_device
from trainer.training.task import Task, make_task


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedModel:
    """A model in memory."""

    task: Task
    model: nn.Module
    device: torch.device
    stored: StoredCheckpoint | None = None
    """The checkpoint; None for an exported model."""

    @property
    def language_model(self) -> LanguageModel:
        """The model, as one that continues text; ask `require` first."""
        return cast(LanguageModel, self.model)

    @property
    def size_bytes(self) -> int:
        return tensor_bytes(self.model.state_dict())

    def require(self, ability: str) -> None:
        """Raise `InputError` where a model of this kind cannot do what is asked of it."""
        if ability not in self.task.abilities:
            can = ", ".join(sorted(self.task.abilities))
            raise InputError(f"a model of family {self.task.spec.family} cannot {ability}; it can {can}")


def load_model(folder: Path, *, sha256: str = "", device: str = "auto") -> LoadedModel:
    """Return the model of a checkpoint; raise `CheckpointError` where it is not whole or not the one meant."""
    stored = verify_checkpoint(folder, sha256=sha256)
    task = make_task(stored.spec(), stored.assets())
    model = as_stored(build_model(task), stored.manifest.facts)
    model.load_state_dict(stored.weights())
    name, _ = resolve_device(device)
    return LoadedModel(stored=stored, task=task, model=model.to(name).eval(), device=torch.device(name))
