"""A model answers in another mode than it learns in: without dropout, and without gradients."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def answering(model: nn.Module) -> Iterator[None]:
    """Let a model answer as it will in use; afterwards it learns on if it did before."""
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(was_training)
