"""How a GPT learns: one decoder, an objective that says what an example is, and a text that goes on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from trainer.data.shards import PreparedVersion
from trainer.errors import SpecError
from trainer.formats.graph import Graph, token_graph
from trainer.inference.engine import generate
from trainer.inference.prompt import read_prompt
from trainer.inference.sampling import SamplingSpec
from trainer.models.cutting import BlockSizes, cut_blocks
from trainer.models.gpt.answering import Answer
from trainer.models.gpt.continuing import Continue
from trainer.models.gpt.hf import from_hf, has_hf_form, hf_config, to_hf
from trainer.models.gpt.model import GPT, run_block
from trainer.models.gpt.objective import Objective
from trainer.models.gpt.preferring import Prefer
from trainer.models.gpt.spec import GPTSpec
from trainer.models.gpt.template import ChatTemplate, Turn
from trainer.models.next_token import next_token_loss
from trainer.spec import TrainSpec
from trainer.training.assets import Assets
from trainer.training.modes import answering
from trainer.training.task import Batch, Loss, Task, count_parameters
from trainer.training.teacher import Teacher

OBJECTIVES: dict[str, type[Objective]] = {"continue": Continue, "answer": Answer, "prefer": Prefer}


class GPTTask(Task):
    """One decoder, and an objective that says what an example is and what is learnt of it."""

    def __init__(self, spec: TrainSpec, assets: Assets) -> None:
        super().__init__(spec, assets)
        self.model_spec: GPTSpec = spec.model
        self.length = spec.batch.sequence_length
        if self.length > self.model_spec.context_length:
            raise SpecError(
                f"batch.sequence_length ({self.length}) is longer than model.context_length "
                f"({self.model_spec.context_length}); make it at most that"
            )
        self.objective = OBJECTIVES[self.model_spec.objective](spec, assets)

    def build_model(self) -> GPT:
        return GPT(
            self.model_spec,
            vocab_size=self.assets.tokenizer.vocab_size,
            dropout=self.spec.regularisation.dropout,
            recompute_blocks=self.spec.machine.activation_checkpointing,
        )

    def num_examples(self, split: Any) -> int:
        return self.objective.num_examples(split)

    def cut_short(self, split: Any) -> str:
        return self.objective.cut_short(split)

    def batch(self, split: Any, examples: np.ndarray) -> Batch:
        return self.objective.batch(split, examples)

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        return self.objective.loss(model, batch)  # type: ignore[arg-type]

    def distilled_loss(self, model: nn.Module, batch: Batch, *, teacher: Teacher) -> Tensor:
        return self.objective.distilled_loss(model, batch, teacher)  # type: ignore[arg-type]

    def compiled(self, model: nn.Module, loss: Loss) -> Loss:
        """Compile one block for all, and the loss: a whole model as one program takes many times as long to compile."""
        assert isinstance(model, GPT)
        if isinstance(
            self.objective, Continue
        ):  # rows of several documents have masks of their own and run as they are
            model.learning_block = torch.compile(run_block)
            self.objective.head_loss = torch.compile(next_token_loss)
        return loss

    def count(self, batch: Batch) -> int:
        return self.objective.count(batch)

    def before_training(self, model: nn.Module, version: PreparedVersion) -> None:
        assert isinstance(model, GPT)
        self.objective.before_training(model, version)

    def evaluation_batches(self, split: Any, *, batch_size: int, max_batches: int) -> Iterator[Batch]:
        return self.objective.evaluation_batches(split, batch_size=batch_size, max_batches=max_batches)

    def measure(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        return self.objective.measure(model, batch)  # type: ignore[arg-type]

    def summarise(self, totals: dict[str, float]) -> dict[str, float]:
        return self.objective.summarise(totals)

    def documents(self, split: Any, example: int) -> Sequence[int]:
        return self.objective.documents(split, example)

    @property
    def chat_template(self) -> ChatTemplate | None:
        """How conversations are written for this model; None where it never learnt any."""
        template: ChatTemplate | None = getattr(self.objective, "template", None)
        return template

    def chat_prompt(self, turns: Sequence[Turn]) -> list[int]:
        """Return a conversation as the model reads it, up to where its own answer begins."""
        assert self.chat_template is not None
        return self.chat_template.prompt(turns)

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
        settings = SamplingSpec(num_tokens=num_tokens, seed=seed)
        tokens = self.sample_tokens(prompt, context_length=model.context_length, num_new_tokens=num_tokens)
        with answering(model):
            return "".join(w.text for w in generate(model, tokens, settings, self.assets.tokenizer))

    def sample_tokens(self, prompt: str, *, context_length: int, num_new_tokens: int) -> list[int]:
        """Return what a sample goes on from: a text, or, for a model that answers, a question."""
        if self.chat_template is not None:
            return self.chat_prompt([("user", prompt)])[-context_length:]
        read = read_prompt(prompt, self.assets.tokenizer, context_length=context_length, num_new_tokens=num_new_tokens)
        return read.tokens

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

    def cut(self, weights: dict[str, Tensor], source: GPTSpec) -> dict[str, Tensor]:
        return cut_blocks(weights, BlockSizes.of(source), BlockSizes.of(self.model_spec))

    def import_weights(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        return from_hf(weights, self.model_spec)
