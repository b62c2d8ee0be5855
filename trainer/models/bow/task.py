"""How a bag of words learns: an example is a document, cut at `sequence_length` tokens; what is foretold is its label."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from trainer.data.shards import TokenSplit
from trainer.errors import InputError
from trainer.models.bow.spec import BowSpec
from trainer.models.cutting import strongest
from trainer.models.narrowing import column_norms, keep_columns, require_narrower
from trainer.spec import TrainSpec
from trainer.training.assets import Assets
from trainer.training.task import Batch, Task, count_parameters


class BagOfWords(nn.Module):
    """Mean of the tokens' vectors, then one matrix."""

    def __init__(self, *, vocab_size: int, width: int, num_labels: int, dropout: float) -> None:
        super().__init__()
        self.embedding = nn.EmbeddingBag(vocab_size, width, mode="mean")
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, num_labels)

    def forward(self, tokens: Tensor, starts: Tensor) -> Tensor:
        logits: Tensor = self.head(self.dropout(self.embedding(tokens, starts)))  # (B, labels)
        return logits


class BowTask(Task):
    def __init__(self, spec: TrainSpec, assets: Assets) -> None:
        super().__init__(spec, assets)
        self._labelled: dict[str, np.ndarray] = {}

    def labelled(self, split: TokenSplit) -> np.ndarray:
        """Return the numbers of the documents that have a label."""
        if split.name not in self._labelled:
            self._labelled[split.name] = np.flatnonzero(split.label_ids >= 0)
        return self._labelled[split.name]

    def build_model(self) -> BagOfWords:
        names = self.assets.label_names
        if len(names) < 2:
            raise InputError(
                "the prepared data has fewer than two labels, so there is nothing to tell apart; prepare it with a label field"
            )
        return BagOfWords(
            vocab_size=self.assets.tokenizer.vocab_size,
            width=self.spec.model.width,
            num_labels=len(names),
            dropout=self.spec.regularisation.dropout,
        )

    def cut(self, weights: dict[str, Tensor], source: BowSpec) -> dict[str, Tensor]:
        """Keep the numbers of each token that the labels are told by."""
        require_narrower(source, self.spec.model, ("width",))
        found = dict(weights)
        strength = column_norms(found["embedding.weight"]) * column_norms(found["head.weight"])
        kept = strongest(strength, self.spec.model.width)
        for name in ("embedding", "head"):
            keep_columns(found, name, kept)
        return found

    def num_examples(self, split: TokenSplit) -> int:
        if not (count := len(self.labelled(split))):
            raise InputError(
                f"the {split.name} split has no document with a label; prepare the data with a label field"
            )
        return count

    def batch(self, split: TokenSplit, examples: np.ndarray) -> Batch:
        documents = self.labelled(split)[examples]
        limit, starts = self.spec.batch.sequence_length, split.document_starts
        texts = [split.read(int(starts[d]), min(int(starts[d + 1] - starts[d]), limit)) for d in documents]
        lengths = np.array([len(text) for text in texts])
        return {
            "tokens": torch.from_numpy(np.concatenate(texts).astype(np.int64)),
            "starts": torch.from_numpy(np.cumsum(lengths) - lengths),
            "labels": torch.from_numpy(split.label_ids[documents].astype(np.int64)),
        }

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        logits = model(batch["tokens"], batch["starts"])
        return F.cross_entropy(
            logits.float(), batch["labels"], label_smoothing=self.spec.regularisation.label_smoothing
        )

    def count(self, batch: Batch) -> int:
        return batch["tokens"].numel()

    def evaluation_batches(self, split: TokenSplit, *, batch_size: int, max_batches: int) -> Iterator[Batch]:
        count = len(self.labelled(split))
        chosen = np.arange(count)
        if max_batches and count > max_batches * batch_size:
            chosen = np.linspace(0, count - 1, max_batches * batch_size).astype(np.int64)
        for first in range(0, len(chosen), batch_size):
            yield self.batch(split, chosen[first : first + batch_size])

    def measure(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        logits, labels = model(batch["tokens"], batch["starts"]).float(), batch["labels"]
        return {
            "loss": F.cross_entropy(logits, labels, reduction="sum"),
            "correct": (logits.argmax(dim=1) == labels).sum(),
            "documents": torch.tensor(len(labels)),
        }

    def summarise(self, totals: dict[str, float]) -> dict[str, float]:
        count = totals["documents"]
        return {"loss": totals["loss"] / count, "accuracy": totals["correct"] / count, "num_documents": count}

    def documents(self, split: TokenSplit, example: int) -> Sequence[int]:
        return [int(self.labelled(split)[example])]

    def facts(self, model: nn.Module) -> dict[str, Any]:
        parts = {name: count_parameters(part) for name, part in model.named_children() if count_parameters(part)}
        vocab_size, num_labels = self.assets.tokenizer.vocab_size, len(self.assets.label_names)
        return {
            "num_parameters": count_parameters(model),
            "parameters_by_part": parts,
            "vocab_size": vocab_size,
            "num_labels": num_labels,
        }

    @torch.inference_mode()
    def predict(self, model: nn.Module, text: str) -> list[tuple[str, float]]:
        tokenizer, device = self.assets.tokenizer, next(model.parameters()).device
        tokens = [*tokenizer.encode(text), tokenizer.end_of_text_id][: self.spec.batch.sequence_length]
        logits = model(torch.tensor(tokens, device=device), torch.tensor([0], device=device))[0]
        found = zip(self.assets.label_names, logits.float().softmax(dim=0).tolist(), strict=True)
        return sorted(found, key=lambda pair: -pair[1])
