"""Text classification: one label a text, or any number of them. An example is a document that has a label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor

from trainer.data.shards import TokenSplit
from trainer.errors import InputError
from trainer.metrics.label_report import multi_label_report, single_label_report
from trainer.metrics.report import EvaluationReport
from trainer.metrics.scores import Scores, scores_of_labels
from trainer.models.bert.model import Bert
from trainer.models.bert.objective import Objective, Rows
from trainer.spec import TrainSpec
from trainer.training.assets import Assets
from trainer.training.task import Batch
from trainer.training.teacher import Teacher

LARGEST_POSITIVE_WEIGHT = 100.0


class Labelled(Objective):
    """What both kinds of classification share: documents with labels."""

    def __init__(self, spec: TrainSpec, assets: Assets) -> None:
        super().__init__(spec, assets)
        self._labelled: dict[str, NDArray[np.int64]] = {}
        self.train_label_counts: NDArray[np.int64] | None = None

    def see_training(self, split: TokenSplit) -> None:
        labels = np.asarray(split.label_ids)
        self.train_label_counts = np.bincount(labels[labels >= 0], minlength=len(self.label_names))

    @property
    def names(self) -> list[str]:
        """Labels, in the order of the model's outputs."""
        return self.label_names

    @property
    def num_outputs(self) -> int:
        if len(self.names) < 2:
            raise InputError(
                "the prepared data has fewer than two labels, so there is nothing to tell apart; prepare it with a label "
                "column, or set model.objective to masked to learn from the text alone"
            )
        return len(self.names)

    def labelled(self, split: TokenSplit) -> NDArray[np.int64]:
        """Return the numbers of the documents that have a label."""
        if split.name not in self._labelled:
            self._labelled[split.name] = np.flatnonzero(split.label_ids >= 0)
        return self._labelled[split.name]

    def num_examples(self, split: TokenSplit) -> int:
        if not (count := len(self.labelled(split))):
            raise InputError(
                f"the {split.name} split has no document with a label; prepare the data with a label column"
            )
        return count

    def count_to_evaluate(self, split: TokenSplit) -> int:
        return len(self.labelled(split))

    def documents(self, split: TokenSplit, example: int) -> Sequence[int]:
        return [int(self.labelled(split)[example])]

    def evaluation_batch(self, split: TokenSplit, examples: NDArray[np.int64]) -> Batch:
        batch = self.batch(split, examples)
        batch.pop("weights", None)
        return {**batch, "documents": torch.from_numpy(self.labelled(split)[examples])}

    def loss(self, model: Bert, batch: Batch) -> Tensor:
        return self.loss_of(logits_of(model, batch), batch)

    def distilled_loss(self, model: Bert, batch: Batch, teacher: Teacher) -> Tensor:
        logits = logits_of(model, batch)
        with torch.no_grad():
            taught = logits_of(cast(Bert, teacher.model), batch)
        return self.mixed(teacher, self.loss_of(logits, batch), logits, taught)

    def loss_of(self, logits: Tensor, batch: Batch) -> Tensor:
        """Return the loss of logits (B, C) against the labels."""
        raise NotImplementedError

    def mixed(self, teacher: Teacher, hard: Tensor, logits: Tensor, taught: Tensor) -> Tensor:
        """Return the loss with the teacher's part, of the loss against the labels and both models' logits (B, C)."""
        raise NotImplementedError

    def probabilities(self, logits: Tensor) -> Tensor:
        """Return the probability of each label (B, C) of the logits (B, C)."""
        raise NotImplementedError

    @torch.inference_mode()
    def predict_many(self, model: Bert, texts: Sequence[str]) -> list[dict[str, Any]]:
        batch = self.read_many(model, texts)
        rows = self.probabilities(model.classify(batch["tokens"], batch["mask"]).float()).tolist()
        answers = []
        for likely in rows:
            pairs = sorted(zip(self.names, likely, strict=True), key=lambda pair: -pair[1])
            answers.append({"labels": [{"label": label, "probability": probability} for label, probability in pairs]})
        return answers

    def predict(self, model: Bert, text: str) -> dict[str, Any]:
        return self.predict_many(model, [text])[0]

    def scores(self, rows: Rows) -> Scores:
        return scores_of_labels(rows)

    def unseen(self, split: TokenSplit) -> list[str]:
        """Return labels of a split that the training data did not have."""
        counts = self.train_label_counts
        return [] if counts is None else self.unseen_in(split, counts)

    def unseen_in(self, split: TokenSplit, counts: NDArray[np.int64]) -> list[str]:
        raise NotImplementedError


def logits_of(model: Bert, batch: Batch) -> Tensor:
    """Return the logits (B, C) of the texts."""
    return model.classify(batch["tokens"], batch["mask"]).float()


class Classify(Labelled):
    """One label a text."""

    def batch(self, split: TokenSplit, examples: NDArray[np.int64]) -> Batch:
        documents = self.labelled(split)[examples]
        labels = split.label_ids[documents].astype(np.int64)
        batch = {**self.framed(split, documents), "labels": torch.from_numpy(labels)}
        if split.name == "train" and self.model_spec.class_weights != "none":
            batch["weights"] = torch.from_numpy(self.label_weights(split)[labels])
        return batch

    def label_weights(self, split: TokenSplit) -> NDArray[np.float32]:
        """Return what an example of each label counts; the mean over the examples is 1."""
        counts = np.bincount(split.label_ids[self.labelled(split)], minlength=len(self.names)).astype(np.float64)
        weights = 1 / np.maximum(counts, 1)
        if self.model_spec.class_weights == "sqrt":
            weights = np.sqrt(weights)
        scaled: NDArray[np.float32] = (weights * counts.sum() / (weights * counts).sum()).astype(np.float32)
        return scaled

    def mixed(self, teacher: Teacher, hard: Tensor, logits: Tensor, taught: Tensor) -> Tensor:
        return teacher.mixed(hard, logits, taught)

    def loss_of(self, logits: Tensor, batch: Batch) -> Tensor:
        smoothing = self.label_smoothing
        if "weights" not in batch:
            return F.cross_entropy(logits, batch["labels"], label_smoothing=smoothing)
        each = F.cross_entropy(logits, batch["labels"], label_smoothing=smoothing, reduction="none")
        return (each * batch["weights"]).mean()

    def measure(self, model: Bert, batch: Batch) -> dict[str, Tensor]:
        logits, labels = logits_of(model, batch), batch["labels"]
        return {
            "loss": F.cross_entropy(logits, labels, reduction="sum"),
            "correct": (logits.argmax(dim=1) == labels).sum(),
            "documents": torch.tensor(len(labels)),
        }

    def summarise(self, totals: dict[str, float]) -> dict[str, float]:
        count = totals["documents"]
        return {"loss": totals["loss"] / count, "accuracy": totals["correct"] / count, "num_documents": count}

    def details(self, model: Bert, batch: Batch) -> dict[str, Tensor]:
        logits = logits_of(model, batch)
        return {"probabilities": logits.softmax(dim=1), "truth": batch["labels"], "documents": batch["documents"]}

    def report(self, split: TokenSplit, rows: Rows) -> EvaluationReport:
        show = self.example_shower(split)
        return single_label_report(split=split.name, names=self.names, rows=rows, show=show, unseen=self.unseen(split))

    def unseen_in(self, split: TokenSplit, counts: NDArray[np.int64]) -> list[str]:
        here = np.bincount(split.label_ids[self.labelled(split)], minlength=len(self.names))
        return [name for name, now, then in zip(self.names, here, counts, strict=True) if now and not then]

    def probabilities(self, logits: Tensor) -> Tensor:
        return logits.softmax(dim=1)


class MultiLabel(Labelled):
    """Any number of labels a text. In the prepared data a set of labels is one name, its parts joined by a sign."""

    def __init__(self, spec: TrainSpec, assets: Assets) -> None:
        super().__init__(spec, assets)
        sign = self.model_spec.label_separator
        sets = [[part.strip() for part in name.split(sign) if part.strip()] for name in assets.label_names]
        self._names = sorted({part for parts in sets for part in parts})
        place = {name: number for number, name in enumerate(self._names)}
        self.of_set = np.zeros((len(sets), len(self._names)), dtype=np.float32)  # (sets, C)
        for number, parts in enumerate(sets):
            self.of_set[number, [place[part] for part in parts]] = 1

    @property
    def names(self) -> list[str]:
        return self._names

    def targets(self, split: TokenSplit, documents: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return which labels each document has (N, C): 1 and 0."""
        found: NDArray[np.float32] = self.of_set[split.label_ids[documents]]
        return found

    def batch(self, split: TokenSplit, examples: NDArray[np.int64]) -> Batch:
        documents = self.labelled(split)[examples]
        batch = {**self.framed(split, documents), "labels": torch.from_numpy(self.targets(split, documents))}
        if split.name == "train" and self.model_spec.class_weights != "none":
            batch["weights"] = torch.from_numpy(self.positive_weights(split))
        return batch

    def positive_weights(self, split: TokenSplit) -> NDArray[np.float32]:
        """Return what a label that is there counts against one that is not (C,)."""
        share = self.targets(split, self.labelled(split)).mean(axis=0)
        weights = (1 - share) / np.maximum(share, 1e-9)
        if self.model_spec.class_weights == "sqrt":
            weights = np.sqrt(weights)
        clipped: NDArray[np.float32] = np.clip(weights, 1, LARGEST_POSITIVE_WEIGHT).astype(np.float32)
        return clipped

    def mixed(self, teacher: Teacher, hard: Tensor, logits: Tensor, taught: Tensor) -> Tensor:
        return teacher.mixed_binary(hard, logits, taught)

    def loss_of(self, logits: Tensor, batch: Batch) -> Tensor:
        smoothing = self.label_smoothing
        targets = batch["labels"] * (1 - smoothing) + smoothing / 2
        return F.binary_cross_entropy_with_logits(logits, targets, pos_weight=batch.get("weights"))

    def measure(self, model: Bert, batch: Batch) -> dict[str, Tensor]:
        logits, labels = logits_of(model, batch), batch["labels"]
        said = logits > 0
        right = said == (labels > 0.5)
        return {
            "loss": F.binary_cross_entropy_with_logits(logits, labels, reduction="sum"),
            "right": right.sum(),
            "hits": (said & (labels > 0.5)).sum(),
            "said_or_there": said.sum() + labels.sum(),
            "correct": right.all(dim=1).sum(),
            "documents": torch.tensor(len(labels)),
        }

    def summarise(self, totals: dict[str, float]) -> dict[str, float]:
        count, decisions = totals["documents"], totals["documents"] * len(self.names)
        named = totals["said_or_there"]
        return {
            "loss": totals["loss"] / decisions,
            "accuracy": totals["right"] / decisions,
            "subset_accuracy": totals["correct"] / count,
            "micro_f1": 2 * totals["hits"] / named if named else 0.0,
            "num_documents": count,
        }

    def details(self, model: Bert, batch: Batch) -> dict[str, Tensor]:
        logits = logits_of(model, batch)
        return {"probabilities": logits.sigmoid(), "truth": batch["labels"], "documents": batch["documents"]}

    def report(self, split: TokenSplit, rows: Rows) -> EvaluationReport:
        show = self.example_shower(split)
        return multi_label_report(split=split.name, names=self.names, rows=rows, show=show, unseen=self.unseen(split))

    def unseen_in(self, split: TokenSplit, counts: NDArray[np.int64]) -> list[str]:
        here, then = self.targets(split, self.labelled(split)).sum(axis=0), counts @ self.of_set
        return [name for name, now, before in zip(self.names, here, then, strict=True) if now and not before]

    def probabilities(self, logits: Tensor) -> Tensor:
        return logits.sigmoid()
