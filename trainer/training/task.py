"""What a family of models has to bring, and all that the training loop knows of it.

The loop numbers the examples of a split from 0 and asks for them by number, in an order that depends on the seed alone;
what an example is (a window of text, a document, ...) is the task's business. Sums, not means, come back from `measure`:
they can be added over batches of any size.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from trainer.data.shards import PreparedVersion
from trainer.errors import InputError
from trainer.families import get_family
from trainer.formats.graph import Graph
from trainer.metrics.change import Change
from trainer.metrics.report import EvaluationReport, Picture
from trainer.metrics.scores import Scores
from trainer.spec import TrainSpec
from trainer.training.assets import Assets
from trainer.training.teacher import Teacher

Batch = dict[str, Tensor]
Loss = Callable[[nn.Module, Batch], Tensor]
_BLOCK = re.compile(r"^blocks\.(\d+)\.")
Split = Any
"""What the family's kind of data opens (`DataKind.split`): a `TokenSplit` where it is text."""


class Task(ABC):
    """One family at work. Found through `Family.task`; `make_task` makes one."""

    def __init__(self, spec: TrainSpec, assets: Assets) -> None:
        self.spec = spec
        self.assets = assets

    @abstractmethod
    def build_model(self) -> nn.Module:
        """Return the model with fresh weights, drawn from torch's generator as it stands."""

    @abstractmethod
    def num_examples(self, split: Split) -> int:
        """Return how many examples the split holds; raise `InputError` where it is too small to learn from."""

    @abstractmethod
    def batch(self, split: Split, examples: np.ndarray) -> Batch:
        """Return those examples as tensors on the processor."""

    @abstractmethod
    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Return the mean loss of a batch, as training minimises it. May be compiled."""

    @property
    def can_be_taught(self) -> bool:
        """Whether a model with these settings learns from a teacher's answers, too."""
        return get_family(self.spec.family).can_be_taught(self.spec.model)

    @property
    def classes(self) -> tuple[str, ...]:
        """What the model tells apart, in the order of its outputs; empty where its answers are not classes."""
        return ()

    def distilled_loss(self, model: nn.Module, batch: Batch, *, teacher: Teacher) -> Tensor:
        """Return the loss against the data and the teacher's answers to the same batch, of one pass of the model."""
        raise NotImplementedError

    def compiled(self, model: nn.Module, loss: Loss) -> Loss:
        """Return `loss`, or the distilled one, as torch.compile makes it; families of equal blocks compile one for all."""
        return torch.compile(loss)

    @abstractmethod
    def count(self, batch: Batch) -> int:
        """Return how much the batch holds, in the unit in which throughput is told: tokens."""

    @abstractmethod
    def evaluation_batches(self, split: Split, *, batch_size: int, max_batches: int) -> Iterator[Batch]:
        """Yield the split once over, in order; with `max_batches` over 0 an even, fixed choice of so many batches."""

    @abstractmethod
    def measure(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Return sums over a batch, by name; `summarise` gets their totals."""

    @abstractmethod
    def summarise(self, totals: dict[str, Any]) -> dict[str, float]:
        """Return the metrics of a pass, of totals that are numbers or tables: `loss` and what else the family is judged by."""

    def require_fitting(self, version: PreparedVersion) -> None:
        """Raise `InputError` where data that the model was not trained on is not of the kind that it knows."""
        if version.manifest.data_kind != (wanted := get_family(self.spec.family).data_kind):
            raise InputError(f"the data is of kind {version.manifest.data_kind}, and the model learns from {wanted}")
        if self.assets.has_tokenizer and version.manifest.vocab_size != self.assets.tokenizer.vocab_size:
            raise InputError(
                f"the data has a vocabulary of {version.manifest.vocab_size} and the model one of "
                f"{self.assets.tokenizer.vocab_size}; choose data prepared with the model's tokenizer"
            )

    def see_training(self, split: Split) -> None:
        """Take note of the training split before anything is measured: which labels it has, say."""
        return

    def cut_short(self, split: Split) -> str:
        """Return a sentence on examples that do not fit and are learnt in part or not at all; empty where all fit."""
        return ""

    def before_training(self, model: nn.Module, version: PreparedVersion) -> None:
        """Compute what is needed of all examples; called before the first step of each attempt, with its weights loaded."""
        return

    def details(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Return rows, one an example of the batch, for the report of a whole split; none where there is no report."""
        return {}

    def report(self, split: Split, rows: dict[str, np.ndarray]) -> EvaluationReport | None:
        """Return the report of a split from the rows of all its examples."""
        return None

    def scores(self, rows: dict[str, np.ndarray]) -> Scores | None:
        """Return the model's answers in those rows, so that another model's can be paired with them."""
        return None

    def changes(self, split: Split, before: dict[str, np.ndarray], after: dict[str, np.ndarray]) -> list[Change]:
        """Return how measures that are no ratio of sums differ between two models, from their rows of the same examples."""
        return []

    @abstractmethod
    def documents(self, split: Split, example: int) -> Sequence[int]:
        """Return the numbers of the documents that an example shows."""

    @abstractmethod
    def facts(self, model: nn.Module) -> dict[str, Any]:
        """Return raw facts: `num_parameters`, `parameters_by_part`, `vocab_size`, and what else pages show."""

    def sample(self, model: nn.Module, prompt: str, *, num_tokens: int, seed: int) -> str | None:
        """Return what the model makes of a prompt, for a person to look at; None where there is nothing to show."""
        return None

    def sample_pictures(self, model: nn.Module, split: Split) -> list[Picture]:
        """Return some pictures of the validation split with what the model says of them, the same ones each time."""
        return []

    def training_pictures(self, batch: Batch) -> list[Picture]:
        """Return some pictures of a batch as the model is shown them in training: varied, mixed, with what they are called."""
        return []

    def hidden_matrices(self, model: nn.Module) -> set[str]:
        """Return the names of the matrices inside the model, which Muon may update; embeddings and heads are not."""
        return set()

    def head_names(self, model: nn.Module) -> set[str]:
        """Return the names of what belongs to the task and not to the model it may be transferred from; it always learns."""
        return {name for name, _ in model.named_parameters() if name.startswith(("head.", "masked_head."))}

    def block_of(self, name: str) -> int | None:
        """Return which block, counted from the input, a parameter lies in; None for none. For freezing and graded rates."""
        found = _BLOCK.match(name)
        return int(found.group(1)) if found else None

    def is_below(self, name: str) -> bool:
        """Say whether a parameter outside the blocks lies below them."""
        return "embedding" in name

    def predict(self, model: nn.Module, text: str) -> list[tuple[str, float]]:
        """Return labels with their probabilities, likeliest first; for families that tell one label from another."""
        raise NotImplementedError

    def answer(self, model: nn.Module, text: str) -> dict[str, Any]:
        """Return what the model tells of a text: `labels` [{label, probability}], and what else the family gives."""
        return {"labels": [{"label": label, "probability": p} for label, p in self.predict(model, text)]}

    def answers(self, model: nn.Module, texts: Sequence[str]) -> list[dict[str, Any]]:
        """Return the answer to each text; families that can read several at once do."""
        return [self.answer(model, text) for text in texts]

    @property
    def has_many_labels(self) -> bool:
        """Whether a text may have any number of labels, each by itself."""
        return False

    def answer_image(self, model: nn.Module, data: bytes) -> dict[str, Any]:
        """Return what the model tells of a picture: `labels` [{label, probability}], and `heat`, where it looked."""
        raise NotImplementedError

    def export(self, weights: dict[str, Tensor]) -> tuple[dict[str, Any] | None, dict[str, Tensor]]:
        """Return config.json and weights as Hugging Face transformers reads them; None and ours where it has no such."""
        return None, weights

    def graph(self, model: nn.Module) -> Graph | None:
        """Return the model as a function of tensors, to be traced for other runtimes; None where it is none."""
        return None

    def copy_of(self, name: str) -> str:
        """Return the name of what follows a parameter, such as its running mean; empty where nothing does."""
        return ""

    def cut(self, weights: dict[str, Tensor], source: Any) -> dict[str, Tensor]:
        """Return weights of a model with the settings `source` without the heads, neurons or channels that matter least, in the
        sizes of this one."""
        raise InputError(
            f"a model of family {self.spec.family} is not pruned by whole parts; set prune.method to magnitude"
        )

    def adopt(self, weights: dict[str, Tensor], *, family: str) -> dict[str, Tensor]:
        """Return the weights of a source of a family, under our names, with what follows from them."""
        return weights

    def write_beside(self, load: Callable[[], nn.Module], folder: Path) -> list[str]:
        """Write what else goes along with an exported model, which `load` gives; return a line of the README about each."""
        return []

    def import_weights(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return our weights of those that `export` gave with a config."""
        return weights

    @property
    def abilities(self) -> frozenset[str]:
        """What the model can be asked for, as its family says."""
        return get_family(self.spec.family).abilities_of(self.spec.model)


def make_task(spec: TrainSpec, assets: Assets) -> Task:
    """Return the task of the spec's family."""
    import importlib

    module, name = get_family(spec.family).task.split(":")
    task: Task = getattr(importlib.import_module(module), name)(spec, assets)
    return task


def count_parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())
