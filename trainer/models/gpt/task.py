"""How a GPT learns: windows of text, cross-entropy of each next token, bits per byte, a text that goes on."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from trainer.data.shards import TokenSplit
from trainer.errors import InputError, SpecError
from trainer.formats.graph import Graph, token_graph
from trainer.inference.engine import generate
from trainer.inference.prompt import read_prompt
from trainer.inference.sampling import SamplingSpec
from trainer.models.gpt.hf import from_hf, has_hf_form, hf_config, to_hf
from trainer.models.gpt.model import GPT, run_block
from trainer.models.gpt.spec import GPTSpec
from trainer.models.next_token import next_token_loss, next_token_loss_sum
from trainer.spec import TrainSpec
from trainer.training.assets import Assets
from trainer.training.task import Batch, Task, count_parameters


class GPTTask(Task):
    """An example is a window of `sequence_length` tokens and the one behind it; windows do not overlap."""

    def __init__(self, spec: TrainSpec, assets: Assets) -> None:
        super().__init__(spec, assets)
        self.model_spec: GPTSpec = spec.model
        self.length = spec.batch.sequence_length
        self.head_loss = next_token_loss
        if self.length > self.model_spec.context_length:
            raise SpecError(
                f"batch.sequence_length ({self.length}) is longer than model.context_length "
                f"({self.model_spec.context_length}); make it at most that"
            )

    def build_model(self) -> GPT:
        return GPT(
            self.model_spec,
            vocab_size=self.assets.tokenizer.vocab_size,
            dropout=self.spec.regularisation.dropout,
            recompute_blocks=self.spec.machine.activation_checkpointing,
        )

    def num_examples(self, split: TokenSplit) -> int:
        count = (split.num_tokens - 1) // self.length
        if count < 1:
            raise InputError(
                f"the training split has {split.num_tokens} tokens, and one window needs {self.length + 1} "
                f"(batch.sequence_length {self.length} and the token behind it): give it more text, or set "
                f"batch.sequence_length to at most {max(split.num_tokens - 1, 1)}"
            )
        return count

    def batch(self, split: TokenSplit, examples: np.ndarray) -> Batch:
        windows = np.stack([split.read(int(i) * self.length, self.length + 1) for i in examples])
        return split_window(torch.from_numpy(windows.astype(np.int64)))

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        assert isinstance(model, GPT)
        smoothing = self.spec.regularisation.label_smoothing
        hidden = model.hidden(batch["tokens"])  # (B, T, D)
        return self.head_loss(hidden, model.output_weight, batch["targets"], label_smoothing=smoothing)

    def compiled_loss(self, model: nn.Module) -> Callable[[nn.Module, Batch], Tensor]:
        """Compile one block for all, and the loss: a whole model as one program takes many times as long to compile."""
        assert isinstance(model, GPT)
        model.learning_block = torch.compile(run_block)
        self.head_loss = torch.compile(next_token_loss)
        return self.loss

    def count(self, batch: Batch) -> int:
        return batch["tokens"].numel()

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

    def measure(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        assert isinstance(model, GPT)
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

    def facts(self, model: nn.Module) -> dict[str, Any]:
        assert isinstance(model, GPT)
        return {
            "num_parameters": count_parameters(model),
            "parameters_by_part": model.parameters_by_part(),
            "vocab_size": model.vocab_size,
            "context_length": self.model_spec.context_length,
        }

    def sample(self, model: nn.Module, prompt: str, *, num_tokens: int, seed: int) -> str | None:
        assert isinstance(model, GPT)
        was_training = model.training
        model.eval()
        settings = SamplingSpec(num_tokens=num_tokens, seed=seed)
        read = read_prompt(
            prompt, self.assets.tokenizer, context_length=model.context_length, num_new_tokens=num_tokens
        )
        device = model.token_embedding.weight.device
        text = "".join(w.text for w in generate(model, read.tokens, settings, self.assets.tokenizer, device=device))
        model.train(was_training)
        return text

    def hidden_matrices(self, model: nn.Module) -> set[str]:
        return {n for n, p in model.named_parameters() if n.startswith("blocks.") and p.ndim == 2}

    def export(self, weights: dict[str, Tensor]) -> tuple[dict[str, Any] | None, dict[str, Tensor]]:
        if not has_hf_form(self.model_spec):
            return None, weights
        tokenizer = self.assets.tokenizer
        config = hf_config(self.model_spec, vocab_size=tokenizer.vocab_size, end_of_text_id=tokenizer.end_of_text_id)
        return config, to_hf(weights, self.model_spec)

    def graph(self, model: nn.Module) -> Graph:
        assert isinstance(model, GPT)
        return token_graph(model, vocab_size=model.vocab_size, longest=model.context_length)

    def import_weights(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        return from_hf(weights, self.model_spec)

    @cached_property
    def bytes_of_token(self) -> Tensor:
        """Bytes that each token stands for (V,); special tokens stand for none."""
        tokenizer = self.assets.tokenizer
        return torch.tensor([len(tokenizer.decode_bytes([i])) for i in range(tokenizer.vocab_size)])


def split_window(window: Tensor) -> Batch:
    """Return the tokens (B, T) of windows (B, T + 1), and for each the one to foretell."""
    return {"tokens": window[:, :-1].contiguous(), "targets": window[:, 1:].contiguous()}
