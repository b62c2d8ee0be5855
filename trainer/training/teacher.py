"""A trained model that another learns from: the two losses, and what share each has (Hinton et al. 2015).

The soft loss is the divergence of the student's answers from the teacher's, both softened by the temperature, times its
square, so that its gradient keeps its size at any temperature.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True, slots=True)
class Teacher:
    """A model in evaluation, on the student's device, none of whose weights asks for a gradient."""

    model: nn.Module
    temperature: float
    weight: float
    """Share of its answers in the loss."""

    def mixed(self, hard: Tensor, logits: Tensor, taught: Tensor) -> Tensor:
        """Return the loss, given that against the data and both models' logits (N, C) of one choice among C."""
        return (1 - self.weight) * hard + self.weight * soft_loss(logits, taught, self.temperature)

    def mixed_binary(self, hard: Tensor, logits: Tensor, taught: Tensor) -> Tensor:
        """Return the same where each of the C logits is a choice by itself."""
        both = [
            torch.stack([each.float(), torch.zeros_like(each, dtype=torch.float32)], dim=-1)
            for each in (logits, taught)
        ]
        return self.mixed(hard, both[0].flatten(0, -2), both[1].flatten(0, -2))


def soft_loss(logits: Tensor, taught: Tensor, temperature: float) -> Tensor:
    """Return the mean divergence, over the rows of (N, C), of the student's answers from the teacher's."""
    ours, theirs = ((each.float() / temperature).log_softmax(dim=-1) for each in (logits, taught))
    return F.kl_div(ours, theirs, reduction="batchmean", log_target=True) * temperature**2
