"""How a BERT learns: one encoder, and an objective that says what an example is and what is foretold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from trainer.data.shards import TokenSplit
from trainer.errors import SpecError
from trainer.formats.graph import Graph, MaskedGraph, masked_graph
from trainer.metrics.report import EvaluationReport
from trainer.metrics.scores import Scores
from trainer.models.bert.embed import Embed
from trainer.models.bert.hf import from_hf, hf_config, to_hf
from trainer.models.bert.labels import Classify, MultiLabel
from trainer.models.bert.masked import Masked
from trainer.models.bert.model import Bert
from trainer.models.bert.objective import Objective
from trainer.models.bert.spec import BertSpec
from trainer.models.bert.tag import Tag
from trainer.models.cutting import BlockSizes, cut_blocks
from trainer.spec import TrainSpec
from trainer.training.assets import Assets
from trainer.training.task import Batch, Task, count_parameters
from trainer.training.teacher import Teacher

OBJECTIVES: dict[str, type[Objective]] = {
    "masked": Masked,
    "classify": Classify,
    "multi_label": MultiLabel,
    "tag": Tag,
    "embed": Embed,
}


class BertTask(Task):
    def __init__(self, spec: TrainSpec, assets: Assets) -> None:
        super().__init__(spec, assets)
        self.model_spec: BertSpec = spec.model
        self.length = spec.batch.sequence_length
        if not 3 <= self.length <= self.model_spec.context_length:
            raise SpecError(
                f"batch.sequence_length ({self.length}) must be at least 3 and at most model.context_length "
                f"({self.model_spec.context_length})"
            )
        self.objective = OBJECTIVES[self.model_spec.objective](spec, assets)
        self.special = self.objective.special

    def build_model(self) -> Bert:
        return Bert(
            self.model_spec,
            vocab_size=self.special.vocab_size,
            num_outputs=self.objective.num_outputs,
            dropout=self.spec.regularisation.dropout,
            recompute_blocks=self.spec.machine.activation_checkpointing,
        )

    def see_training(self, split: TokenSplit) -> None:
        self.objective.see_training(split)

    def num_examples(self, split: TokenSplit) -> int:
        return self.objective.num_examples(split)

    def batch(self, split: TokenSplit, examples: np.ndarray) -> Batch:
        return self.objective.batch(split, examples)

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        return self.objective.loss(model, batch)  # type: ignore[arg-type]

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(self.export_names())

    def distilled_loss(self, model: nn.Module, batch: Batch, *, teacher: Teacher) -> Tensor:
        return self.objective.distilled_loss(model, batch, teacher)  # type: ignore[arg-type]

    def count(self, batch: Batch) -> int:
        return sum(batch[name].numel() for name in ("tokens", "other_tokens") if name in batch)

    def evaluation_batches(self, split: TokenSplit, *, batch_size: int, max_batches: int) -> Iterator[Batch]:
        return self.objective.evaluation_batches(split, batch_size=batch_size, max_batches=max_batches)

    def measure(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        return self.objective.measure(model, batch)  # type: ignore[arg-type]

    def summarise(self, totals: dict[str, float]) -> dict[str, float]:
        return self.objective.summarise(totals)

    def details(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        return self.objective.details(model, batch)  # type: ignore[arg-type]

    def report(self, split: TokenSplit, rows: dict[str, NDArray[Any]]) -> EvaluationReport | None:
        return self.objective.report(split, rows)

    def scores(self, rows: dict[str, NDArray[Any]]) -> Scores | None:
        return self.objective.scores(rows)

    def documents(self, split: TokenSplit, example: int) -> Sequence[int]:
        return self.objective.documents(split, example)

    def facts(self, model: nn.Module) -> dict[str, Any]:
        assert isinstance(model, Bert)
        return {
            "num_parameters": count_parameters(model),
            "parameters_by_part": model.parameters_by_part(),
            "vocab_size": model.vocab_size,
            "context_length": self.model_spec.context_length,
            "num_labels": self.objective.num_outputs,
        }

    def hidden_matrices(self, model: nn.Module) -> set[str]:
        return {n for n, p in model.named_parameters() if n.startswith("blocks.") and p.ndim == 2}

    def answer(self, model: nn.Module, text: str) -> dict[str, Any]:
        return self.objective.predict(model, text)  # type: ignore[arg-type]

    def answers(self, model: nn.Module, texts: Sequence[str]) -> list[dict[str, Any]]:
        return self.objective.predict_many(model, texts)  # type: ignore[arg-type]

    @property
    def has_many_labels(self) -> bool:
        return self.model_spec.objective == "multi_label"

    def predict(self, model: nn.Module, text: str) -> list[tuple[str, float]]:
        return [(each["label"], each["probability"]) for each in self.answer(model, text)["labels"]]

    def export(self, weights: dict[str, Tensor]) -> tuple[dict[str, Any] | None, dict[str, Tensor]]:
        config = hf_config(self.model_spec, special=self.special, label_names=self.export_names())
        return (None, weights) if config is None else (config, to_hf(weights, self.model_spec))

    def graph(self, model: nn.Module) -> Graph:
        bert, name = as_bert(model), self.model_spec.objective
        functions = {
            "masked": lambda tokens, mask: bert.foretell(bert.encode(tokens, mask)),
            "tag": bert.tag,
            "embed": bert.vector,
        }
        found = masked_graph(
            bert,
            functions.get(name, bert.classify),
            vocab_size=bert.vocab_size,
            longest=self.model_spec.context_length,
            output_name="vectors" if name == "embed" else "logits",
        )
        return replace(found, before_pooling=MaskedGraph(bert, bert.encode)) if name == "embed" else found

    def export_names(self) -> list[str]:
        return list(getattr(self.objective, "names", []))

    def cut(self, weights: dict[str, Tensor], source: BertSpec) -> dict[str, Tensor]:
        return cut_blocks(weights, BlockSizes.of(source), BlockSizes.of(self.model_spec))

    def import_weights(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        return from_hf(weights, self.model_spec)


def as_bert(model: nn.Module) -> Bert:
    assert isinstance(model, Bert)
    return model


def no_grad_vectors(task: BertTask, model: nn.Module, texts: Sequence[str]) -> torch.Tensor:
    """Return a vector of length 1 for each text, whatever the model was trained for."""
    return Embed(task.spec, task.assets).vectors(as_bert(model), texts)
