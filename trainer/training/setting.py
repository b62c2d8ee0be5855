"""What one attempt at a run works with. Made once by `trainer.training.job`, read by all parts of the loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from trainer.context import JobContext
from trainer.data.shards import PreparedVersion
from trainer.spec import MachineSpec, TrainSpec
from trainer.training.optimizer import Optimizer
from trainer.training.task import Task
from trainer.training.teacher import Teacher


@dataclass(kw_only=True, slots=True)
class Setting:
    spec: TrainSpec
    context: JobContext
    version: PreparedVersion
    task: Task
    model: nn.Module
    optimizer: Optimizer
    machine: MachineSpec
    teacher: Teacher | None = None
    scaler: torch.amp.GradScaler | None = None
    reasons: dict[str, str]
    facts: dict[str, Any]

    @property
    def micro_batch(self) -> int:
        """Sequences in one forward pass, with 0 resolved."""
        return self.spec.batch.micro_batch or self.spec.batch.sequences_per_step
