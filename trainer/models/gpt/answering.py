"""Answer: conversations, of which the assistant's own words are learnt. Instruction tuning.

Several conversations share a row of `sequence_length` tokens; none sees another (`Packed`), so that the loss of a
conversation does not depend on what it was packed with.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor

from trainer.data.parts.marks import ROLES
from trainer.data.parts.store import PartsSplit
from trainer.errors import InputError
from trainer.models.gpt.model import GPT
from trainer.models.gpt.objective import NOT_LEARNT, Objective, packed_logits, rows_of, token_losses
from trainer.models.gpt.template import ChatTemplate, Written
from trainer.spec import TrainSpec
from trainer.training.assets import Assets
from trainer.training.task import Batch
from trainer.training.teacher import Teacher


class Answer(Objective):
    """An example is a row of conversations."""

    def __init__(self, spec: TrainSpec, assets: Assets) -> None:
        super().__init__(spec, assets)
        self.template = ChatTemplate(self.model_spec.template, self.tokenizer)
        self._packs: dict[str, list[NDArray[np.int64]]] = {}

    def num_examples(self, split: PartsSplit) -> int:
        count = len(self.packs(split))
        if not count:
            raise InputError(f"the {split.name} split has no conversations; give it more data, or a larger share of it")
        return count

    def packs(self, split: PartsSplit) -> list[NDArray[np.int64]]:
        """Return the numbers of the conversations in each row."""
        if split.name not in self._packs:
            lengths, chosen = lengths_of(split, self.template), self.learnable(split)
            self._packs[split.name] = [chosen[row] for row in packed_rows(lengths[chosen], self.length)]
        return self._packs[split.name]

    def learnable(self, split: PartsSplit) -> NDArray[np.int64]:
        """Return the conversations of which an answer begins before a row ends; of the others nothing could be learnt."""
        is_long = lengths_of(split, self.template) > self.length
        fits = [
            not long or any(self.written(split, i).is_learnt[1 : self.length + 1]) for i, long in enumerate(is_long)
        ]
        return np.flatnonzero(fits)

    def cut_short(self, split: PartsSplit) -> str:
        num_long = int((lengths_of(split, self.template) > self.length + 1).sum())
        num_lost = split.num_documents - sum(map(len, self.packs(split)))
        told = (
            f"{num_long:,} of {split.num_documents:,} conversations have more than {self.length:,} tokens and lose their end; "
            f"{num_lost:,} of those have no answer before it and are left out. A longer batch.sequence_length takes them whole."
        )
        return told if num_long else ""

    def batch(self, split: PartsSplit, examples: NDArray[np.int64]) -> Batch:
        packs = self.packs(split)
        rows = [[self.written(split, int(number)) for number in packs[int(i)]] for i in examples]
        texts = [[(each.tokens, each.is_learnt) for each in row] for row in rows]
        return rows_of(texts, self.length, filler=self.tokenizer.end_of_text_id)

    def written(self, split: PartsSplit, document: int) -> Written:
        return self.template.write([(part.role, part.tokens.tolist()) for part in split.parts(document)])

    def loss(self, model: GPT, batch: Batch) -> Tensor:
        return self.loss_of(packed_logits(model, batch), batch)

    def distilled_loss(self, model: GPT, batch: Batch, teacher: Teacher) -> Tensor:
        logits, learnt = packed_logits(model, batch), batch["targets"] != NOT_LEARNT
        with torch.no_grad():
            taught = packed_logits(cast(GPT, teacher.model), batch)
        return teacher.mixed(self.loss_of(logits, batch), logits[learnt], taught[learnt])

    def loss_of(self, logits: Tensor, batch: Batch) -> Tensor:
        return F.cross_entropy(
            logits.flatten(0, 1).float(),
            batch["targets"].flatten(),
            ignore_index=NOT_LEARNT,
            label_smoothing=self.label_smoothing,
        )

    def measure(self, model: GPT, batch: Batch) -> dict[str, Tensor]:
        logits, targets = packed_logits(model, batch), batch["targets"]
        learnt = targets != NOT_LEARNT
        right = (logits.argmax(dim=-1) == targets) & learnt
        return {"loss": token_losses(logits, targets).sum(), "right": right.sum(), "tokens": learnt.sum()}

    def summarise(self, totals: dict[str, float]) -> dict[str, float]:
        loss = totals["loss"] / max(totals["tokens"], 1)
        return {
            "loss": loss,
            "perplexity": math.exp(loss) if loss < 700 else math.inf,
            "token_accuracy": totals["right"] / max(totals["tokens"], 1),
            "num_tokens": totals["tokens"],
        }

    def documents(self, split: PartsSplit, example: int) -> Sequence[int]:
        found: list[int] = self.packs(split)[example].tolist()
        return found


def lengths_of(split: PartsSplit, template: ChatTemplate) -> NDArray[np.int64]:
    """Return how many tokens each conversation of a split has as the template writes it."""
    starts = np.asarray(split.document_starts)
    lengths: NDArray[np.int64] = np.diff(starts) - 1  # without the end-of-text that the preparation put behind each
    overhead = np.zeros(len(ROLES), np.int64)
    for role in ("system", "user", "assistant"):
        overhead[ROLES.index(role)] = template.overhead(role)
    np.add.at(lengths, split.part_documents, overhead[split.part_roles])
    return lengths


def packed_rows(lengths: NDArray[np.int64], room: int) -> list[NDArray[np.int64]]:
    """Return which documents share a row, in their order; one that is longer than a row has one to itself, cut at its end."""
    rows: list[NDArray[np.int64]] = []
    first = used = 0
    for number, length in enumerate(lengths.tolist()):
        if number > first and used + length > room:
            rows.append(np.arange(first, number))
            first, used = number, 0
        used += length
    if len(lengths):
        rows.append(np.arange(first, len(lengths)))
    return rows
