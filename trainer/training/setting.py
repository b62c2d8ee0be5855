"""What one attempt at a run works with. Made once by `trainer.training.job`, read by all parts of the loop."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import nn

from trainer.adapt.build import build_model
from trainer.context import JobContext, StopReason
from trainer.data.shards import PreparedVersion
from trainer.families import get_family
from trainer.parallel.group import Group, chunk_size
from trainer.sections import MachineSpec
from trainer.spec import TrainSpec
from trainer.training.optimizer import Optimizer
from trainer.training.task import Task
from trainer.training.teacher import Teacher

MICRO_BATCHES_MEASURED, MEASURED_TOKENS, MEASURED_LOGITS = 8, 8_192, 2**25
"""The most that is measured in one forward pass."""


def micro_batches_measured(num_tokens: int, vocab_size: int) -> int:
    """Return how many micro-batches of so many tokens are measured at once."""
    at_most = (MICRO_BATCHES_MEASURED, MEASURED_TOKENS // num_tokens, MEASURED_LOGITS // (num_tokens * vocab_size))
    return max(1, min(at_most))


@dataclass(kw_only=True, slots=True)
class Setting:
    spec: TrainSpec
    context: JobContext
    version: PreparedVersion
    task: Task
    model: nn.Module
    optimizer: Optimizer = field(init=False)
    """Made once the weights are loaded and the model is the group's (`trainer.training.job.begin_learning`)."""

    machine: MachineSpec
    group: Group
    teacher: Teacher | None = None
    scaler: torch.amp.GradScaler | None = None
    reasons: dict[str, str]
    facts: dict[str, Any]

    @property
    def micro_batch(self) -> int:
        """Sequences in one forward pass, with 0 resolved."""
        return self.spec.batch.micro_batch or self.spec.batch.sequences_per_step

    def measured_at_once(self, max_batches: int = 0) -> tuple[int, int]:
        """Return how many examples a pass takes at once, and how many batches of them `max_batches` micro-batches are.

        Without gradients several micro-batches take no more memory than one does in training, and less time each. Only
        where tokens are counted: what another example may hold is not known here.
        """
        most = 1
        if get_family(self.spec.family).unit == "token":
            assets = self.task.assets
            vocab_size = assets.tokenizer.vocab_size if assets.has_tokenizer else 1
            most = micro_batches_measured(self.micro_batch * self.spec.batch.sequence_length, vocab_size)
        together = next(n for n in range(most, 0, -1) if max_batches % n == 0)
        return self.micro_batch * together, max_batches // together

    @property
    def share_chunk(self) -> int:
        """Sequences in one forward pass of this process's share of a step."""
        batch = self.spec.batch
        return chunk_size(batch.sequences_per_step, batch.micro_batch, self.group.size)

    def answering_model(self) -> nn.Module | None:
        """Return the model for what one process does alone: samples, reports. None in the others."""
        return self.group.answering(self.model, partial(build_model, self.task))

    def should_stop(self) -> StopReason | None:
        """Return what the job was told, as of now, the same in all processes: all have to ask."""
        return self.group.ask(self.context.should_stop())
