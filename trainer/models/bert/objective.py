"""What an encoder is trained for: each objective says what an example is, what the loss is, and how well it does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainer.data.shards import TokenSplit
from trainer.metrics.report import EvaluationReport
from trainer.metrics.scores import Scores
from trainer.models.bert.model import Bert
from trainer.models.bert.spec import BertSpec
from trainer.models.bert.words import SpecialIds, pad
from trainer.spec import TrainSpec
from trainer.training.assets import Assets
from trainer.training.task import Batch
from trainer.training.teacher import Teacher

Rows = dict[str, NDArray[Any]]
SHOWN_TOKENS = 120


class Objective(ABC):
    """One of the objectives, with the settings and the data of one run."""

    def __init__(self, spec: TrainSpec, assets: Assets) -> None:
        self.model_spec: BertSpec = spec.model
        self.length, self.label_smoothing = spec.batch.sequence_length, spec.regularisation.label_smoothing
        self.tokenizer, self.label_names = assets.tokenizer, list(assets.label_names)
        self.special = SpecialIds.of(assets.tokenizer)

    @property
    def num_outputs(self) -> int:
        """Width of the model's last matrix; 0: it has none of its own."""
        return 0

    def see_training(self, split: TokenSplit) -> None:
        """Take note of the training split before anything is measured."""
        return

    @abstractmethod
    def num_examples(self, split: TokenSplit) -> int: ...

    @abstractmethod
    def batch(self, split: TokenSplit, examples: NDArray[np.int64]) -> Batch: ...

    @abstractmethod
    def loss(self, model: Bert, batch: Batch) -> Tensor: ...

    def distilled_loss(self, model: Bert, batch: Batch, teacher: Teacher) -> Tensor:
        """Return the loss against the data and the teacher's answers."""
        raise NotImplementedError

    @abstractmethod
    def measure(self, model: Bert, batch: Batch) -> dict[str, Tensor]: ...

    @abstractmethod
    def summarise(self, totals: dict[str, float]) -> dict[str, float]: ...

    @abstractmethod
    def documents(self, split: TokenSplit, example: int) -> Sequence[int]: ...

    def count_to_evaluate(self, split: TokenSplit) -> int:
        """Return how many examples a pass over the split has; 0 where it holds nothing to measure."""
        return self.num_examples(split)

    def evaluation_batch(self, split: TokenSplit, examples: NDArray[np.int64]) -> Batch:
        """Return a batch to measure on: the same each time."""
        return self.batch(split, examples)

    def evaluation_batches(self, split: TokenSplit, *, batch_size: int, max_batches: int) -> Iterator[Batch]:
        count = self.count_to_evaluate(split)
        chosen = np.arange(count)
        if max_batches and count > max_batches * batch_size:
            chosen = np.linspace(0, count - 1, max_batches * batch_size).astype(np.int64)
        for first in range(0, len(chosen), batch_size):
            yield self.evaluation_batch(split, chosen[first : first + batch_size])

    def details(self, model: Bert, batch: Batch) -> dict[str, Tensor]:
        """Return rows, one an example, for the report; none where there is no report."""
        return {}

    def report(self, split: TokenSplit, rows: Rows) -> EvaluationReport | None:
        return None

    def scores(self, rows: Rows) -> Scores | None:
        """Return the answers in the rows, to be compared with another model's."""
        return None

    @abstractmethod
    def predict(self, model: Bert, text: str) -> dict[str, Any]:
        """Return what the model tells of a text: `labels`, likeliest first, and what else the objective gives."""

    def predict_many(self, model: Bert, texts: Sequence[str]) -> list[dict[str, Any]]:
        """Return the answer to each of some texts."""
        return [self.predict(model, text) for text in texts]

    def read_many(self, model: Bert, texts: Sequence[str]) -> Batch:
        """Return texts as the model reads them, in one batch on its device."""
        encoded = self.tokenizer.encode_batch(texts)
        batch = pad_rows(self, [self.special.frame(tokens, self.length) for tokens in encoded])
        device = model.token_embedding.weight.device
        return {name: tensor.to(device) for name, tensor in batch.items()}

    def read(self, model: Bert, text: str) -> Tensor:
        """Return a text as the model reads it (1, T)."""
        framed = self.special.frame(self.tokenizer.encode(text), self.length)
        return torch.from_numpy(framed)[None].to(model.token_embedding.weight.device)

    def framed(self, split: TokenSplit, documents: NDArray[np.int64]) -> Batch:
        """Return documents as the model reads them."""
        starts = split.document_starts
        rows = []
        for number in documents:
            start, end = int(starts[number]), int(starts[number + 1])
            rows.append(self.special.frame(split.read(start, min(end - start, self.length)), self.length))
        return pad_rows(self, rows)

    def example_shower(self, split: TokenSplit) -> Callable[[int], tuple[str, str, int]]:
        """Return a function from the number of a document to its beginning, source and row."""

        def show(document: int) -> tuple[str, str, int]:
            start, end = (int(at) for at in split.document_starts[document : document + 2])
            tokens = split.read(start, min(end - start, SHOWN_TOKENS))
            origin = split.document_id(document)
            cut = " …" if end - start > SHOWN_TOKENS else ""
            return self.tokenizer.decode(tokens.tolist()).strip() + cut, origin.source, origin.row

        return show


def pad_rows(objective: Objective, rows: list[NDArray[np.int64]]) -> Batch:
    return pad(rows, filler=objective.special.pad, longest=objective.length)
