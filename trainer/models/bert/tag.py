"""Token classification: names and other entities in a text, by BIO tags. An example is a document.

Entities are marked in the prepared text (`trainer.data.entities`); the marks are taken out before the model reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor

from trainer.data.entities import Span, parse_marks
from trainer.data.shards import TokenSplit
from trainer.errors import InputError
from trainer.metrics.bootstrap import bootstrap
from trainer.metrics.entities import entity_measures
from trainer.metrics.report import EvaluationReport, Table
from trainer.metrics.scores import Scores
from trainer.models.bert.model import Bert
from trainer.models.bert.objective import Objective, Rows, pad_rows
from trainer.spec import TrainSpec
from trainer.training.assets import Assets
from trainer.training.task import Batch

IGNORED = -100
LONGEST_MARKED = 4
"""Tokens of marked text are read for each token of the model's length: marks take room."""


class Tag(Objective):
    def __init__(self, spec: TrainSpec, assets: Assets) -> None:
        super().__init__(spec, assets)
        parts = {part for name in assets.label_names for part in name.split("|") if part}
        self.labels = sorted(parts)
        self.place = {label.lower(): number for number, label in enumerate(self.labels)}

    @property
    def num_outputs(self) -> int:
        """Outside, and for each label the begin and the inside of an entity."""
        if not self.labels:
            raise InputError(
                "the prepared data has no entities; prepare it with the column that holds them (--entity-column)"
            )
        return 1 + 2 * len(self.labels)

    def num_examples(self, split: TokenSplit) -> int:
        if not split.num_documents:
            raise InputError(f"the {split.name} split has no document")
        return split.num_documents

    def count_to_evaluate(self, split: TokenSplit) -> int:
        return split.num_documents

    def documents(self, split: TokenSplit, example: int) -> Sequence[int]:
        return [example]

    def batch(self, split: TokenSplit, examples: NDArray[np.int64]) -> Batch:
        rows, tags = [], []
        for number in examples:
            start, end = (int(at) for at in split.document_starts[number : number + 2])
            tokens = split.read(start, min(end - start, LONGEST_MARKED * self.length))
            text, spans = parse_marks(self.tokenizer.decode(tokens.tolist()))
            ids, offsets = self.tokenizer.encode_with_offsets(text)
            rows.append(self.special.frame(ids, self.length))
            inner = self.tags_of(offsets, spans)[: self.length - 2]
            tags.append([IGNORED, *inner, IGNORED])
        batch = pad_rows(self, rows)
        labels = np.full(tuple(batch["tokens"].shape), IGNORED, dtype=np.int64)
        for number, row in enumerate(tags):
            labels[number, : len(row)] = row
        return {**batch, "labels": torch.from_numpy(labels), "documents": torch.from_numpy(np.asarray(examples))}

    def tags_of(self, offsets: list[tuple[int, int]], spans: list[Span]) -> list[int]:
        """Return the tag of each token from the spans of the text: 0 outside, then begin and inside of each label."""
        tags = [0] * len(offsets)
        for span in spans:
            label = self.place.get(span.label.lower())
            inside = [
                i for i, (start, end) in enumerate(offsets) if start < span.end and end > span.start and end > start
            ]
            for rank, token in enumerate(inside):
                tags[token] = 0 if label is None else 1 + 2 * label + (rank > 0)
        return tags

    def loss(self, model: Bert, batch: Batch) -> Tensor:
        logits = model.tag(batch["tokens"], batch["mask"]).float()
        smoothing = self.label_smoothing
        return F.cross_entropy(
            logits.flatten(0, 1), batch["labels"].flatten(), ignore_index=IGNORED, label_smoothing=smoothing
        )

    def measure(self, model: Bert, batch: Batch) -> dict[str, Tensor]:
        logits, labels = model.tag(batch["tokens"], batch["mask"]).float(), batch["labels"]
        hits, said, there = self.entity_counts(logits, labels)
        counted = labels != IGNORED
        return {
            "loss": F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED, reduction="sum"),
            "correct": ((logits.argmax(dim=-1) == labels) & counted).sum(),
            "tokens": counted.sum(),
            "hits": hits.sum(),
            "said_and_there": said.sum() + there.sum(),
        }

    def summarise(self, totals: dict[str, float]) -> dict[str, float]:
        named = totals["said_and_there"]
        return {
            "loss": totals["loss"] / totals["tokens"],
            "accuracy": totals["correct"] / totals["tokens"],
            "micro_f1": 2 * totals["hits"] / named if named else 0.0,
            "num_tokens": totals["tokens"],
        }

    def entity_counts(self, logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return entities found, said and there of each text by label (B, L). One counts as found where it is all right."""
        counts = np.zeros((3, len(labels), len(self.labels)))
        predicted, wanted = logits.argmax(dim=-1).cpu().numpy(), labels.cpu().numpy()
        for row in range(len(wanted)):
            is_token = wanted[row] != IGNORED
            said, there = entities(predicted[row][is_token]), entities(wanted[row][is_token])
            for which, found in ((0, said & there), (1, said), (2, there)):
                for _, _, label in found:
                    counts[which, row, label] += 1
        hits, said_counts, there_counts = torch.from_numpy(counts).float().to(labels.device)
        return hits, said_counts, there_counts

    def details(self, model: Bert, batch: Batch) -> dict[str, Tensor]:
        hits, said, there = self.entity_counts(model.tag(batch["tokens"], batch["mask"]).float(), batch["labels"])
        return {"hits": hits, "said": said, "there": there, "documents": batch["documents"]}

    def report(self, split: TokenSplit, rows: Rows) -> EvaluationReport:
        hits, said, there = rows["hits"], rows["said"], rows["there"]
        table = []
        for number, label in enumerate(self.labels):
            h, s, t = (float(each[:, number].sum()) for each in (hits, said, there))
            table.append(
                [label, int(t), h / s if s else None, h / t if t else None, 2 * h / (s + t) if s + t else None]
            )
        return EvaluationReport(
            split=split.name,
            num_examples=len(hits),
            metrics=bootstrap(entity_measures(hits, said, there), num_examples=len(hits)),
            tables=[Table(title="by entity", columns=["label", "entities", "precision", "recall", "f1"], rows=table)],
            documents=[int(i) for i in rows["documents"]],
            correct=((hits == said) & (hits == there)).all(axis=1).astype(int).tolist(),
        )

    def scores(self, rows: Rows) -> Scores:
        answers = {"hits": rows["hits"], "said": rows["said"]}
        return Scores(kind="entities", documents=rows["documents"], truth=rows["there"], answers=answers)

    @torch.inference_mode()
    def predict(self, model: Bert, text: str) -> dict[str, Any]:
        """Return the entities of a text: where they are, and how sure the model is of their first token."""
        ids, offsets = self.tokenizer.encode_with_offsets(text)
        tokens = torch.from_numpy(self.special.frame(ids, self.length))[None].to(model.token_embedding.weight.device)
        likely = model.tag(tokens)[0, 1:-1].float().softmax(dim=-1)
        tags, labels, spans = likely.argmax(dim=-1).tolist(), [], []
        for first, last, label in sorted(entities(np.array(tags))):
            start, end = offsets[first][0], offsets[last][1]
            start += len(text[start:end]) - len(text[start:end].lstrip())
            name, probability = self.labels[label], float(likely[first, tags[first]])
            spans.append({"start": start, "end": end, "label": name, "probability": probability})
            labels.append({"label": f"{text[start:end]} · {name}", "probability": probability})
        return {"labels": labels, "spans": spans}


def entities(tags: NDArray[np.int64]) -> set[tuple[int, int, int]]:
    """Return (first token, last token, label) of the entities that tags mean; an inside without a begin begins one."""
    found, first, label = set(), -1, -1
    for place, tag in enumerate([*tags.tolist(), 0]):
        goes_on = tag > 0 and tag % 2 == 0 and (tag - 1) // 2 == label and first >= 0
        if goes_on:
            continue
        if first >= 0:
            found.add((first, place - 1, label))
        first, label = (place, (tag - 1) // 2) if tag > 0 else (-1, -1)
    return found
