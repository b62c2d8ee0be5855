"""Sentence embeddings: texts that belong together get vectors close together, all others far apart.

A pair is two documents of the same label (a label may be the number of a pair), or, where the data has no labels, the
two halves of one document. All other texts of the batch are what the pair is told from, but those of the same label.

Source: Oord et al. 2018 (InfoNCE), Gao et al. 2021 (SimCSE), Reimers and Gurevych 2019 (Sentence-BERT).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor

from trainer.data.shards import TokenSplit
from trainer.errors import InputError
from trainer.models.bert.model import Bert
from trainer.models.bert.objective import Objective, pad_rows
from trainer.spec import TrainSpec
from trainer.training.assets import Assets
from trainer.training.task import Batch

SHORTEST_HALF = 4


class Embed(Objective):
    def __init__(self, spec: TrainSpec, assets: Assets) -> None:
        super().__init__(spec, assets)
        self._pairs: dict[str, NDArray[np.int64]] = {}

    @property
    def has_labels(self) -> bool:
        return bool(self.label_names)

    def pairs(self, split: TokenSplit) -> NDArray[np.int64]:
        """Return (N, 3): a document, the one it belongs to, and the label of both; the halves of one: twice itself, -1."""
        if split.name not in self._pairs:
            make = self._pairs_of_labels if self.has_labels else self._pairs_of_halves
            self._pairs[split.name] = make(split)
        return self._pairs[split.name]

    def _pairs_of_labels(self, split: TokenSplit) -> NDArray[np.int64]:
        labels, found = np.asarray(split.label_ids), []
        for label in np.unique(labels[labels >= 0]):
            members = np.flatnonzero(labels == label)
            if len(members) > 1:  # each with the next of its label, the last with the first
                found.append(np.stack([members, np.roll(members, -1), np.full(len(members), label)], axis=1))
        return np.concatenate(found).astype(np.int64) if found else np.empty((0, 3), np.int64)

    def _pairs_of_halves(self, split: TokenSplit) -> NDArray[np.int64]:
        long_enough = np.flatnonzero(np.diff(split.document_starts) > 2 * SHORTEST_HALF)
        return np.stack([long_enough, long_enough, np.full(len(long_enough), -1)], axis=1).astype(np.int64)

    def num_examples(self, split: TokenSplit) -> int:
        if not (count := self.count_to_evaluate(split)):
            raise InputError(
                f"the {split.name} split has no two documents of one label, nor one long enough to take its halves: "
                "embeddings learn from pairs"
            )
        return count

    def count_to_evaluate(self, split: TokenSplit) -> int:
        return len(self.pairs(split))

    def batch(self, split: TokenSplit, examples: NDArray[np.int64]) -> Batch:
        pairs = self.pairs(split)[examples]
        if self.has_labels:
            first, second = self.framed(split, pairs[:, 0]), self.framed(split, pairs[:, 1])
        else:
            halves = [self.halves(split, int(document)) for document in pairs[:, 0]]
            first, second = (pad_rows(self, [pair[side] for pair in halves]) for side in (0, 1))
        labels = pairs[:, 2] if self.has_labels else -1 - pairs[:, 0]
        return {
            "tokens": first["tokens"],
            "mask": first["mask"],
            "other_tokens": second["tokens"],
            "other_mask": second["mask"],
            "labels": torch.from_numpy(labels),
        }

    def halves(self, split: TokenSplit, document: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        tokens = split.document(document)[:-1][: 2 * (self.length - 2)]
        middle = len(tokens) // 2
        return self.special.frame(tokens[:middle], self.length), self.special.frame(tokens[middle:], self.length)

    def similarity(self, model: Bert, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the similarities (B, B) of each text to each partner, and which of them are to be told apart."""
        first = model.vector(batch["tokens"], batch["mask"])
        second = model.vector(batch["other_tokens"], batch["other_mask"])
        scores = first @ second.T / self.model_spec.temperature
        same = batch["labels"][:, None] == batch["labels"][None, :]
        own = torch.eye(len(scores), dtype=torch.bool, device=scores.device)
        return scores.masked_fill(same & ~own, float("-inf")), own

    def loss(self, model: Bert, batch: Batch) -> Tensor:
        scores, _ = self.similarity(model, batch)
        wanted = torch.arange(len(scores), device=scores.device)
        return (F.cross_entropy(scores, wanted) + F.cross_entropy(scores.T, wanted)) / 2

    def measure(self, model: Bert, batch: Batch) -> dict[str, Tensor]:
        scores, _ = self.similarity(model, batch)
        wanted = torch.arange(len(scores), device=scores.device)
        loss = (F.cross_entropy(scores, wanted) + F.cross_entropy(scores.T, wanted)) / 2
        return {
            "loss": loss * len(scores),
            "found": (scores.argmax(dim=1) == wanted).sum(),
            "pairs": torch.tensor(len(scores)),
        }

    def summarise(self, totals: dict[str, float]) -> dict[str, float]:
        count = totals["pairs"]
        return {"loss": totals["loss"] / count, "recall_at_1": totals["found"] / count, "num_pairs": count}

    def documents(self, split: TokenSplit, example: int) -> Sequence[int]:
        first, second, _ = self.pairs(split)[example].tolist()
        return [first] if first == second else [first, second]

    @torch.inference_mode()
    def predict(self, model: Bert, text: str) -> dict[str, Any]:
        """Return the text's vector; of several lines also how like the first each other is, by cosine."""
        lines = [line for line in text.splitlines() if line.strip()] or [text]
        vectors = self.vectors(model, lines)
        cosines = (vectors[1:] @ vectors[0]).tolist()
        ranked = sorted(zip(lines[1:], cosines, strict=True), key=lambda pair: -pair[1])
        similar = [{"text": line, "cosine": cosine} for line, cosine in ranked]
        return {"labels": [], "similar": similar, "vector": vectors[0].tolist()}

    def predict_many(self, model: Bert, texts: Sequence[str]) -> list[dict[str, Any]]:
        return [{"labels": [], "vector": vector.tolist()} for vector in self.vectors(model, texts)]

    @torch.inference_mode()
    def vectors(self, model: Bert, texts: Sequence[str], *, batch_size: int = 64) -> Tensor:
        """Return a vector of length 1 for each text (N, D)."""
        device, found = model.token_embedding.weight.device, []
        encoded = [self.special.frame(tokens, self.length) for tokens in self.tokenizer.encode_batch(texts)]
        for first in range(0, len(encoded), batch_size):
            batch = pad_rows(self, encoded[first : first + batch_size])
            found.append(model.vector(batch["tokens"].to(device), batch["mask"].to(device)).cpu())
        return torch.cat(found)
