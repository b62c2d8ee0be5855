"""How a Transformer learns: pairs of texts, cross-entropy of each target token, and what it writes scored."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor, nn

from trainer.data.parts.store import PartsSplit
from trainer.errors import InputError, SpecError
from trainer.formats.graph import Graph, pair_graph
from trainer.inference.operations.translate import SearchSettings
from trainer.metrics.report import EvaluationReport
from trainer.metrics.text_report import text_report
from trainer.models.narrowing import cut_between, require_narrower
from trainer.models.transformer.model import Transformer
from trainer.models.transformer.search import Hypothesis, beam_search, draw_text
from trainer.models.transformer.spec import TransformerSpec
from trainer.spec import TrainSpec
from trainer.training.assets import Assets
from trainer.training.modes import answering
from trainer.training.task import Batch, Task, count_parameters
from trainer.training.teacher import Teacher

NOT_LEARNT = -100
"""Target of a place that is only filling."""

TEXTS_AT_ONCE = 32


class TransformerTask(Task):
    """An example is a pair. Both sides end with end-of-text; the target begins behind one."""

    def __init__(self, spec: TrainSpec, assets: Assets) -> None:
        super().__init__(spec, assets)
        self.model_spec: TransformerSpec = spec.model
        self.length = spec.batch.sequence_length
        if not 2 <= self.length <= self.model_spec.context_length:
            raise SpecError(
                f"batch.sequence_length ({self.length}) must be at least 2 and at most model.context_length "
                f"({self.model_spec.context_length})"
            )
        self.end = assets.tokenizer.end_of_text_id

    def build_model(self) -> Transformer:
        return Transformer(
            self.model_spec,
            vocab_size=self.assets.tokenizer.vocab_size,
            dropout=self.spec.regularisation.dropout,
            recompute_blocks=self.spec.machine.activation_checkpointing,
        )

    def num_examples(self, split: PartsSplit) -> int:
        if not split.num_documents:
            raise InputError(f"the {split.name} split has no pairs; give it more data, or a larger share of it")
        return split.num_documents

    def cut_short(self, split: PartsSplit) -> str:
        is_long = split.part_lengths > self.length - 1  # an end takes one token
        num_long = len(np.unique(split.part_documents[is_long]))
        told = (
            f"{num_long:,} of {split.num_documents:,} pairs have a side of more than {self.length - 1:,} tokens, which is read "
            "or learnt up to there. A longer batch.sequence_length takes them whole."
        )
        return told if num_long else ""

    def batch(self, split: PartsSplit, examples: NDArray[np.int64]) -> Batch:
        rows = [split.parts(int(i)) for i in examples]
        sources = [parts[0].tokens for parts in rows]
        targets = [parts[1].tokens for parts in rows]
        return {
            **self.sources(sources),
            **self.targets(targets),
            "examples": torch.from_numpy(examples.astype(np.int64)),
        }

    def sources(self, texts: Sequence[NDArray[Any] | list[int]]) -> Batch:
        """Return sources as the model reads them: ended, filled up to the longest, with a mask."""
        rows = [np.append(np.asarray(text, np.int64)[: self.length - 1], self.end) for text in texts]
        source, mask = filled(rows, filler=self.end)
        return {"source": source, "source_mask": mask}

    def targets(self, texts: Sequence[NDArray[Any]]) -> Batch:
        """Return targets as they are read (behind an end) and as they are to be foretold (with an end behind)."""
        cut = [text.astype(np.int64)[: self.length] for text in texts]
        read = [np.append(self.end, text)[: self.length] for text in cut]
        foretold = [np.append(text, self.end)[: self.length] for text in cut]
        return {"target": filled(read, filler=self.end)[0], "foretold": filled(foretold, filler=NOT_LEARNT)[0]}

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        return self.loss_of(model(batch["source"], batch["source_mask"], batch["target"]), batch)

    def distilled_loss(self, model: nn.Module, batch: Batch, *, teacher: Teacher) -> Tensor:
        """Both read the same source and the same target so far; of each next token the teacher tells the odds."""
        asked = (batch["source"], batch["source_mask"], batch["target"])
        logits = model(*asked)
        with torch.no_grad():
            taught = teacher.model(*asked)
        is_there = batch["foretold"] != NOT_LEARNT
        return teacher.mixed(self.loss_of(logits, batch), logits[is_there], taught[is_there])

    def loss_of(self, logits: Tensor, batch: Batch) -> Tensor:
        """Return the loss of logits (B, T, V) against the data."""
        return F.cross_entropy(
            logits.flatten(0, 1).float(),
            batch["foretold"].flatten(),
            ignore_index=NOT_LEARNT,
            label_smoothing=self.spec.regularisation.label_smoothing,
        )

    def count(self, batch: Batch) -> int:
        return int(batch["source_mask"].sum() + (batch["foretold"] != NOT_LEARNT).sum())

    def evaluation_batches(self, split: PartsSplit, *, batch_size: int, max_batches: int) -> Iterator[Batch]:
        chosen = np.arange(split.num_documents)
        if max_batches and len(chosen) > max_batches * batch_size:
            chosen = np.linspace(0, len(chosen) - 1, max_batches * batch_size).astype(np.int64)
        step = math.ceil(split.num_documents / self.model_spec.num_scored) if self.model_spec.num_scored else 1
        for first in range(0, len(chosen), batch_size):
            batch = self.batch(split, chosen[first : first + batch_size])
            yield {**batch, "is_scored": batch["examples"] % step == 0}

    def measure(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        logits = model(batch["source"], batch["source_mask"], batch["target"]).float()
        foretold = batch["foretold"]
        loss = F.cross_entropy(logits.flatten(0, 1), foretold.flatten(), ignore_index=NOT_LEARNT, reduction="sum")
        counts = foretold != NOT_LEARNT
        right = (logits.argmax(dim=-1) == foretold) & counts
        return {"loss": loss, "right": right.sum(), "tokens": counts.sum()}

    def summarise(self, totals: dict[str, float]) -> dict[str, float]:
        loss = totals["loss"] / totals["tokens"]
        return {
            "loss": loss,
            "perplexity": math.exp(loss) if loss < 700 else math.inf,
            "token_accuracy": totals["right"] / totals["tokens"],
            "num_tokens": totals["tokens"],
        }

    def details(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Return what the model writes of the examples that are scored (N, length), filled with -1."""
        assert isinstance(model, Transformer)
        chosen = batch["is_scored"]
        best = self.search(model, batch["source"][chosen], batch["source_mask"][chosen], num_wanted=1)
        found = [each[0].tokens for each in best]
        written = torch.full((len(found), self.model_spec.context_length), -1)
        for i, tokens in enumerate(found):
            written[i, : len(tokens)] = torch.tensor(tokens)
        return {"written": written, "examples": batch["examples"][chosen]}

    def report(self, split: PartsSplit, rows: dict[str, NDArray[Any]]) -> EvaluationReport | None:
        decode = self.assets.tokenizer.decode
        numbers = rows["examples"].tolist()
        parts = [split.parts(number) for number in numbers]
        found = text_report(
            split=split.name,
            sources=[decode(each[0].tokens.tolist()) for each in parts],
            wanted=[decode(each[1].tokens.tolist()) for each in parts],
            written=[decode(row[row >= 0].tolist()) for row in rows["written"]],
            origins=[split.document_id(number) for number in numbers],
        )
        return replace(found, documents=numbers)

    def search(
        self, model: Transformer, source: Tensor, mask: Tensor, *, num_beams: int = 0, num_tokens: int = 0,
        length_penalty: float | None = None, num_wanted: int = 0,
    ) -> list[list[Hypothesis]]:  # fmt: skip
        """Return the best hypotheses for each source; 0 and None: as the model's settings say, and as long as it learnt."""
        found: list[list[Hypothesis]] = []
        for at in range(0, len(source), TEXTS_AT_ONCE):
            found += beam_search(
                model,
                source[at : at + TEXTS_AT_ONCE],
                mask[at : at + TEXTS_AT_ONCE],
                end=self.end,
                num_beams=num_beams or self.model_spec.num_beams,
                num_tokens=num_tokens or self.length - 1,
                length_penalty=self.model_spec.length_penalty if length_penalty is None else length_penalty,
                num_wanted=num_wanted,
            )
        return found

    def read(self, model: nn.Module, texts: Sequence[str]) -> Batch:
        """Return texts as the model reads them, on its device."""
        assert isinstance(model, Transformer)
        device = model.token_embedding.weight.device
        encoded = self.sources(self.assets.tokenizer.encode_batch(texts))
        return {name: tensor.to(device) for name, tensor in encoded.items()}

    def translate(self, model: nn.Module, text: str, settings: SearchSettings) -> dict[str, Any]:
        """Return what the model makes of a text, the likeliest first; with a temperature one text drawn at random."""
        assert isinstance(model, Transformer)
        whole = self.assets.tokenizer.encode(text)
        read = self.read(model, [text])
        if settings.temperature > 0:
            found = [draw_text(model, read["source"], read["source_mask"], end=self.end, settings=settings)]
        else:
            found = self.search(
                model, read["source"], read["source_mask"], num_beams=settings.num_beams,
                num_tokens=settings.num_tokens, length_penalty=settings.length_penalty,
            )[0]  # fmt: skip
        told = [
            {
                "text": self.assets.tokenizer.decode(each.tokens),
                "score": each.score,
                "log_probability": each.log_probability,
            }
            for each in found
        ]
        num_cut = max(len(whole) - (self.length - 1), 0)
        return {"text": told[0]["text"], "alternatives": told, "num_cut_tokens": num_cut}

    def answers(self, model: nn.Module, texts: Sequence[str]) -> list[dict[str, Any]]:
        assert isinstance(model, Transformer)
        read = self.read(model, texts)
        found = self.search(model, read["source"], read["source_mask"], num_wanted=1)
        return [{"labels": [], "written": self.assets.tokenizer.decode(best[0].tokens)} for best in found]

    def answer(self, model: nn.Module, text: str) -> dict[str, Any]:
        return self.answers(model, [text])[0]

    def sample(self, model: nn.Module, prompt: str, *, num_tokens: int, seed: int) -> str | None:
        if not prompt:
            return None
        with answering(model):
            return str(self.answer(model, prompt)["written"])

    def documents(self, split: PartsSplit, example: int) -> Sequence[int]:
        return [example]

    def cut(self, weights: dict[str, Tensor], source: TransformerSpec) -> dict[str, Tensor]:
        """Take out neurons; the heads stay, for those of the decoder read what the encoder's wrote."""
        require_narrower(source, self.model_spec, ("width_of_feed_forward",))
        found = dict(weights)
        for number in range(source.num_encoder_layers + source.num_decoder_layers):
            feed_forward = f"blocks.{number}.feed_forward"
            cut_between(found, f"{feed_forward}.up", f"{feed_forward}.down", self.model_spec.width_of_feed_forward)
        return found

    def graph(self, model: nn.Module) -> Graph:
        assert isinstance(model, Transformer)
        return pair_graph(model, vocab_size=model.vocab_size, longest=model.context_length)

    def facts(self, model: nn.Module) -> dict[str, Any]:
        assert isinstance(model, Transformer)
        return {
            "num_parameters": count_parameters(model),
            "parameters_by_part": model.parameters_by_part(),
            "vocab_size": model.vocab_size,
            "context_length": self.model_spec.context_length,
        }

    def hidden_matrices(self, model: nn.Module) -> set[str]:
        return {n for n, p in model.named_parameters() if n.startswith("blocks.") and p.ndim == 2}


def filled(rows: Sequence[NDArray[np.int64]], *, filler: int) -> tuple[Tensor, Tensor]:
    """Return rows of different lengths as one tensor (B, T), and a mask that is True where there was something."""
    longest = max(len(row) for row in rows)
    tokens = np.full((len(rows), longest), filler, np.int64)
    mask = np.zeros((len(rows), longest), bool)
    for i, row in enumerate(rows):
        tokens[i, : len(row)], mask[i, : len(row)] = row, True
    return torch.from_numpy(tokens), torch.from_numpy(mask)
