"""Prefer: direct preference optimisation (Rafailov et al. 2023, arXiv 2305.18290).

    loss = -log sigmoid(beta * ((log p(better) - log p(worse)) - (log p0(better) - log p0(worse))))

p0 is the model that the run started from. With adapters it is the same model with its adapters switched off; otherwise
its log-probabilities of all answers are computed once before the first step and kept (two numbers an example), so that
there are never two models in memory while learning.

`chosen_weight` adds the better answer's own loss a token (Llama 3, arXiv 2407.21783, section 4.1.4): the first term alone
is content with both answers becoming unlikely, the worse one more so.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor

from trainer.adapt.adapters import adapted, switched_off
from trainer.data.parts.marks import ROLES
from trainer.data.parts.store import PartsSplit
from trainer.data.shards import PreparedVersion
from trainer.errors import InputError, SpecError
from trainer.models.gpt.model import GPT
from trainer.models.gpt.objective import NOT_LEARNT, Objective, packed_logits, rows_of, token_losses
from trainer.models.gpt.template import ChatTemplate, Written
from trainer.spec import TrainSpec
from trainer.training.assets import Assets
from trainer.training.task import Batch

EXAMPLES_AT_ONCE = 16
ANSWERS = ("chosen", "rejected")
SPEAKERS = ("system", "user", "assistant", *ANSWERS)


class Prefer(Objective):
    """An example is a question with its better and its worse answer; they lie one behind the other in a batch."""

    def __init__(self, spec: TrainSpec, assets: Assets) -> None:
        super().__init__(spec, assets)
        self.template = ChatTemplate(self.model_spec.template, self.tokenizer)
        self.reference: dict[str, NDArray[np.float32]] = {}
        """Split -> log-probabilities (N, 2) of the better and the worse answer, by the model at the start."""

    def num_examples(self, split: PartsSplit) -> int:
        if not split.num_documents:
            raise InputError(f"the {split.name} split has no preferences; give it more data, or a larger share of it")
        return split.num_documents

    def cut_short(self, split: PartsSplit) -> str:
        overhead = {role: self.template.overhead("assistant" if role in ANSWERS else role) for role in SPEAKERS}
        lengths = split.part_lengths + np.array([overhead.get(role, 0) for role in ROLES])[split.part_roles]
        is_answer = np.isin(split.part_roles, [ROLES.index(role) for role in ANSWERS])
        asked, answered = (np.zeros(split.num_documents, np.int64) for _ in range(2))
        np.add.at(asked, split.part_documents[~is_answer], lengths[~is_answer])
        np.maximum.at(answered, split.part_documents[is_answer], lengths[is_answer])
        num_long = int((asked + answered > self.length + 1).sum())
        told = (
            f"{num_long:,} of {split.num_documents:,} preferences have more than {self.length:,} tokens: their questions lose "
            "their beginning, and answers longer than that their end. A longer batch.sequence_length takes them whole."
        )
        return told if num_long else ""

    def batch(self, split: PartsSplit, examples: NDArray[np.int64]) -> Batch:
        pairs = [self.both(split, int(i)) for i in examples]
        texts = [[(each.tokens, each.is_learnt)] for side in (0, 1) for each in (pair[side] for pair in pairs)]
        found = rows_of(texts, self.length, filler=self.tokenizer.end_of_text_id)
        if split.name in self.reference:
            known = self.reference[split.name][examples]  # (N, 2)
            found["reference"] = torch.from_numpy(known.T.reshape(-1).copy())  # (2 N,)
        return found

    def both(self, split: PartsSplit, document: int) -> tuple[Written, Written]:
        """Return the conversation with the better answer, and with the worse one; only that answer is learnt."""
        parts = split.parts(document)
        before = [(part.role, part.tokens.tolist()) for part in parts if part.role not in ANSWERS]
        opening = self.template.write(before)
        given = [self.template.write([("assistant", part.tokens.tolist())]) for part in parts[-2:]]
        room = max(self.length + 1 - max(len(each.tokens) for each in given), 0)
        kept = opening.tokens[
            len(opening.tokens) - min(room, len(opening.tokens)) :
        ]  # a long question loses its beginning
        better, worse = (Written(kept + each.tokens, [False] * len(kept) + each.is_learnt) for each in given)
        return better, worse

    def log_probabilities(self, model: GPT, batch: Batch) -> Tensor:
        """Return the log-probability of each row's answer (2 N,)."""
        return -token_losses(packed_logits(model, batch), batch["targets"]).sum(dim=1)

    def margins(self, model: GPT, batch: Batch, now: Tensor) -> tuple[Tensor, Tensor]:
        """Return by how much the better answer is likelier (N,), by the log-probabilities now (2 N,) and at the start."""
        before = batch.get("reference")
        if before is None and next(adapted(model), None) is not None:
            with torch.no_grad(), switched_off(model):
                before = self.log_probabilities(model, batch)
        better, worse = now.chunk(2)
        if before is None:  # measured apart from its run, the start of the model is not at hand
            return better - worse, torch.zeros_like(better)
        first, second = before.chunk(2)
        return better - worse, first - second

    def loss(self, model: GPT, batch: Batch) -> Tensor:
        told = self.log_probabilities(model, batch)
        now, before = self.margins(model, batch, told)
        loss: Tensor = -F.logsigmoid(self.model_spec.beta * (now - before)).mean()
        if not self.model_spec.chosen_weight:
            return loss
        num_tokens = (batch["targets"] != NOT_LEARNT).sum(dim=1)
        own_loss = -(told / num_tokens).chunk(2)[0].mean()
        return loss + float(self.model_spec.chosen_weight) * own_loss

    def measure(self, model: GPT, batch: Batch) -> dict[str, Tensor]:
        now, before = self.margins(model, batch, self.log_probabilities(model, batch))
        gain = now - before
        return {
            "loss": -F.logsigmoid(self.model_spec.beta * gain).sum(),
            "prefers": (now > 0).sum(),
            "gained": (gain > 0).sum(),
            "margin": gain.sum(),
            "pairs": torch.tensor(len(now)),
        }

    def summarise(self, totals: dict[str, float]) -> dict[str, float]:
        pairs = totals["pairs"]
        return {
            "loss": totals["loss"] / pairs,
            "preference_accuracy": totals["prefers"] / pairs,
            "share_gained": totals["gained"] / pairs,
            "margin": totals["margin"] / pairs,
            "num_pairs": pairs,
        }

    def documents(self, split: PartsSplit, example: int) -> Sequence[int]:
        return [example]

    @torch.no_grad()
    def before_training(self, model: GPT, version: PreparedVersion) -> None:
        """Keep what the model at the start thinks of every answer; `model` may have learnt already when a run resumes."""
        if self.spec.transfer.adapter != "none":
            return
        if not self.spec.transfer.source:
            raise SpecError(
                "transfer.source is empty; a model learns preferences from one that answers already: choose where it starts"
            )
        reference = self.start_model(model)
        for name in ("train", "validation", "test"):
            split = version.open_split(name)
            numbers = np.arange(split.num_documents)
            rows = np.zeros((len(numbers), 2), np.float32)
            for at in range(0, len(numbers), EXAMPLES_AT_ONCE):
                batch = self.batch(split, numbers[at : at + EXAMPLES_AT_ONCE])
                batch = {key: tensor.to(reference.token_embedding.weight.device) for key, tensor in batch.items()}
                found = self.log_probabilities(reference, batch).float().cpu().numpy()
                rows[at : at + EXAMPLES_AT_ONCE] = found.reshape(2, -1).T
            self.reference[name] = rows

    def start_model(self, model: GPT) -> GPT:
        """Return the model that the run started from, ready to be asked; it is let go of behind the first pass."""
        from trainer.adapt.start import start_from
        from trainer.training.task import make_task

        task = make_task(self.spec, Assets(tokenizer=self.tokenizer))
        with torch.random.fork_rng(devices=[]):
            reference = task.build_model()
        start_from(task, reference, self.spec.transfer)
        assert isinstance(reference, GPT), Path(self.spec.transfer.source)
        return reference.to(model.token_embedding.weight.device).eval()
