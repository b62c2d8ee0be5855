"""What a GPT is trained for: each objective says what an example is, what the loss is, and how well it does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor

from trainer.data.shards import PreparedVersion
from trainer.models.gpt.model import GPT, Packed
from trainer.models.gpt.spec import GPTSpec
from trainer.spec import TrainSpec
from trainer.training.assets import Assets
from trainer.training.task import Batch
from trainer.training.teacher import Teacher

NOT_LEARNT = -100
"""Target of a token that nobody asks the model to foretell."""


class Objective(ABC):
    """One of the objectives, with the settings and the data of one run."""

    def __init__(self, spec: TrainSpec, assets: Assets) -> None:
        self.spec, self.model_spec, self.tokenizer = spec, spec.model, assets.tokenizer
        self.length, self.label_smoothing = spec.batch.sequence_length, spec.regularisation.label_smoothing
        assert isinstance(self.model_spec, GPTSpec)

    @abstractmethod
    def num_examples(self, split: Any) -> int: ...

    @abstractmethod
    def batch(self, split: Any, examples: NDArray[np.int64]) -> Batch: ...

    @abstractmethod
    def loss(self, model: GPT, batch: Batch) -> Tensor: ...

    def distilled_loss(self, model: GPT, batch: Batch, teacher: Teacher) -> Tensor:
        """Return the loss against the data and the teacher's answers."""
        raise NotImplementedError

    @abstractmethod
    def measure(self, model: GPT, batch: Batch) -> dict[str, Tensor]: ...

    @abstractmethod
    def summarise(self, totals: dict[str, float]) -> dict[str, float]: ...

    @abstractmethod
    def documents(self, split: Any, example: int) -> Sequence[int]: ...

    def count(self, batch: Batch) -> int:
        return batch["tokens"].numel()

    def cut_short(self, split: Any) -> str:
        """Return a sentence on examples that do not fit; empty where all fit, or where a text simply goes on."""
        return ""

    def before_training(self, model: GPT, version: PreparedVersion) -> None:
        """Compute what is needed of all examples before the first step of an attempt. `model` is as it starts."""
        return

    def evaluation_batches(self, split: Any, *, batch_size: int, max_batches: int) -> Iterator[Batch]:
        count = self.num_examples(split) if split.num_documents else 0
        chosen = np.arange(count)
        if max_batches and count > max_batches * batch_size:
            chosen = np.linspace(0, count - 1, max_batches * batch_size).astype(np.int64)
        for first in range(0, count and len(chosen), batch_size):
            yield self.batch(split, chosen[first : first + batch_size])


def packed_logits(model: GPT, batch: Batch) -> Tensor:
    """Return the logits (B, T, V) of rows that hold several documents."""
    logits: Tensor = model(batch["tokens"], packed=Packed(batch["documents"], batch["positions"]))
    return logits


def token_losses(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the loss of each target (B, T); 0 where nothing is learnt."""
    losses = F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), ignore_index=NOT_LEARNT, reduction="none")
    return losses.view_as(targets)


def rows_of(texts: Sequence[Sequence[tuple[Sequence[int], Sequence[bool]]]], length: int, *, filler: int) -> Batch:
    """Return rows of `length` tokens, each of several documents (tokens, which of them are learnt), as a batch.

    tokens, targets, documents, positions (B, T). A document's first token is never foretold, and what fills a row up
    is a document of its own.
    """
    shape = (len(texts), length)
    tokens, targets = np.full(shape, filler, np.int64), np.full(shape, NOT_LEARNT, np.int64)
    documents, positions = np.full(shape, -1, np.int64), np.zeros(shape, np.int64)
    for row, several in enumerate(texts):
        at = 0
        for number, (written, is_learnt) in enumerate(several):
            words = np.asarray(written[: length + 1 - at])
            learnt = np.asarray(is_learnt[: length + 1 - at], bool)
            size = min(len(words), length - at)
            foretold = np.where(learnt[1:], words[1:], NOT_LEARNT)[:size]
            tokens[row, at : at + size], documents[row, at : at + size] = words[:size], number
            positions[row, at : at + size] = np.arange(size)
            targets[row, at : at + len(foretold)] = foretold
            at += size
    found = {"tokens": tokens, "targets": targets, "documents": documents, "positions": positions}
    return {name: torch.from_numpy(array) for name, array in found.items()}
