"""Continue: windows of plain text, each next token foretold. How a language model begins."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainer.data.shards import TokenSplit
from trainer.errors import InputError
from trainer.models.gpt.model import GPT
from trainer.models.gpt.objective import Objective
from trainer.models.next_token import Taught, next_token_loss, next_token_loss_sum
from trainer.spec import TrainSpec
from trainer.training.assets import Assets
from trainer.training.task import Batch
from trainer.training.teacher import Teacher


class Continue(Objective):
    """An example is a window of `sequence_length` tokens and the one behind it; windows do not overlap."""

    def __init__(self, spec: TrainSpec, assets: Assets) -> None:
        super().__init__(spec, assets)
        self.head_loss = next_token_loss

    def num_examples(self, split: TokenSplit) -> int:
        count = (split.num_tokens - 1) // self.length
        if count < 1:
            raise InputError(
                f"the training split has {split.num_tokens} tokens, and one window needs {self.length + 1} "
                f"(batch.sequence_length {self.length} and the token behind it): give it more text, or set "
                f"batch.sequence_length to at most {max(split.num_tokens - 1, 1)}"
            )
        return count

    def batch(self, split: TokenSplit, examples: NDArray[np.int64]) -> Batch:
        windows = np.stack([split.read(int(i) * self.length, self.length + 1) for i in examples])
        return split_window(torch.from_numpy(windows.astype(np.int64)))

    def loss(self, model: GPT, batch: Batch) -> Tensor:
        smoothing = self.label_smoothing
        hidden = model.hidden(batch["tokens"])  # (B, T, D)
        return self.head_loss(hidden, model.output_weight, batch["targets"], label_smoothing=smoothing)

    def distilled_loss(self, model: GPT, batch: Batch, teacher: Teacher) -> Tensor:
        taught: Any = teacher.model
        with torch.no_grad():
            theirs = taught.hidden(batch["tokens"])
        return self.head_loss(
            model.hidden(batch["tokens"]),
            model.output_weight,
            batch["targets"],
            label_smoothing=self.label_smoothing,
            taught=Taught(theirs, taught.output_weight, teacher.temperature, teacher.weight),
        )

    def evaluation_batches(self, split: TokenSplit, *, batch_size: int, max_batches: int) -> Iterator[Batch]:
        whole = (split.num_tokens - 1) // self.length
        starts = np.arange(whole)
        if max_batches and whole > max_batches * batch_size:
            starts = np.linspace(0, whole - 1, max_batches * batch_size).astype(np.int64)
        for first in range(0, len(starts), batch_size):
            yield self.batch(split, starts[first : first + batch_size])
        rest = split.num_tokens - 1 - whole * self.length
        if len(starts) == whole and rest > 0:  # the last window is shorter: no token is left out
            window = split.read(whole * self.length, rest + 1)[None]
            yield split_window(torch.from_numpy(window.astype(np.int64)))

    def measure(self, model: GPT, batch: Batch) -> dict[str, Tensor]:
        targets = batch["targets"].flatten()
        loss = next_token_loss_sum(model.hidden(batch["tokens"]), model.output_weight, targets)
        return {
            "loss": loss.double() if loss.device.type != "mps" else loss,
            "tokens": torch.tensor(targets.numel()),
            "bytes": self.bytes_of_token.to(targets.device)[targets].sum(),
        }

    def summarise(self, totals: dict[str, float]) -> dict[str, float]:
        loss = totals["loss"] / totals["tokens"]
        found = {"loss": loss, "perplexity": math.exp(loss) if loss < 700 else math.inf}
        if totals["bytes"]:
            found["bits_per_byte"] = totals["loss"] / math.log(2) / totals["bytes"]
        return {**found, "num_tokens": totals["tokens"], "num_bytes": totals["bytes"]}

    def documents(self, split: TokenSplit, example: int) -> Sequence[int]:
        start = example * self.length
        first = int(np.searchsorted(split.document_starts, start, side="right")) - 1
        end = int(np.searchsorted(split.document_starts, start + self.length, side="left"))
        return range(max(first, 0), end)

    @cached_property
    def bytes_of_token(self) -> Tensor:
        """Bytes that each token stands for (V,); special tokens stand for none."""
        tokenizer = self.tokenizer
        return torch.tensor([len(tokenizer.decode_bytes([i])) for i in range(tokenizer.vocab_size)])


def split_window(window: Tensor) -> Batch:
    """Return the tokens (B, T) of windows (B, T + 1), and for each the one to foretell."""
    return {"tokens": window[:, :-1].contiguous(), "targets": window[:, 1:].contiguous()}
