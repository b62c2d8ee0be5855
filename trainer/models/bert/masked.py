"""Masked-language pre-training: some tokens of a window are hidden, and the model foretells them from both sides.

Which ones is drawn anew each time a window is seen (dynamic masking, Liu et al. 2019), from torch's generator, whose
state a checkpoint holds; for measuring it is drawn from the window's number, so that every pass asks the same.
Of the chosen, 8 in 10 are hidden, 1 becomes another token, 1 stays as it is (Devlin et al. 2018).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor

from trainer.data.shards import TokenSplit
from trainer.errors import InputError
from trainer.models.bert.model import Bert
from trainer.models.bert.objective import Objective
from trainer.training.task import Batch
from trainer.training.teacher import Teacher

HIDDEN, REPLACED = 0.8, 0.1
NUM_CANDIDATES = 10
MASK_SIGNS = ("[MASK]", "<mask>", "____")


class Masked(Objective):
    """An example is a window of the running text, with the token that begins every text in front."""

    @property
    def window(self) -> int:
        return self.length - 1

    @property
    def num_hidden(self) -> int:
        """Tokens of each window that are foretold: always as many, so that the shapes stay the same."""
        return max(1, round(self.window * self.model_spec.mask_fraction))

    def num_examples(self, split: TokenSplit) -> int:
        if not (count := self.count_to_evaluate(split)):
            raise InputError(
                f"the {split.name} split has {split.num_tokens} tokens, and one window needs {self.window}: give it more "
                f"text, or set batch.sequence_length to at most {max(split.num_tokens + 1, 3)}"
            )
        return count

    def count_to_evaluate(self, split: TokenSplit) -> int:
        return split.num_tokens // self.window

    def batch(self, split: TokenSplit, examples: NDArray[np.int64]) -> Batch:
        windows = np.stack([split.read(int(i) * self.window, self.window) for i in examples]).astype(np.int64)
        first = np.full((len(windows), 1), self.special.first)
        return {"tokens": torch.from_numpy(np.concatenate([first, windows], axis=1))}

    def evaluation_batch(self, split: TokenSplit, examples: NDArray[np.int64]) -> Batch:
        batch = self.batch(split, examples)
        draws = [np.random.default_rng([int(i), 17]).random((3, self.length)) for i in examples]
        return {**batch, "draws": torch.from_numpy(np.stack(draws, axis=1)).float()}

    def hide(self, tokens: Tensor, draws: Tensor) -> tuple[Tensor, Tensor]:
        """Return the tokens with some hidden (B, T), and the places (B, N) of those to foretell.

        `draws` (3, B, T) are random numbers from 0 to 1: which to choose, what to do with them, by what to replace.
        """
        is_special = (tokens == self.special.first) | (tokens == self.special.last)
        order = draws[0].masked_fill(is_special, 2.0)  # special ones are chosen only where nothing else is left
        places = order.topk(self.num_hidden, dim=1, largest=False).indices  # (B, N)
        what = draws[1].gather(1, places)
        original = tokens.gather(1, places)
        other = (draws[2].gather(1, places) * self.tokenizer.vocab_size).long()
        new = torch.where(what < HIDDEN, self.special.mask, torch.where(what < HIDDEN + REPLACED, other, original))
        return tokens.scatter(1, places, new), places

    def foretell(self, model: Bert, tokens: Tensor, draws: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits (B * N, V) at the hidden places, and the tokens that stood there (B * N)."""
        hidden, places = self.hide(tokens, draws)
        return logits_at(model, hidden, places), tokens.gather(1, places).flatten()

    def loss(self, model: Bert, batch: Batch) -> Tensor:
        tokens = batch["tokens"]
        logits, targets = self.foretell(model, tokens, self.draw(tokens))
        return F.cross_entropy(logits.float(), targets, label_smoothing=self.label_smoothing)

    def distilled_loss(self, model: Bert, batch: Batch, teacher: Teacher) -> Tensor:
        tokens = batch["tokens"]
        hidden, places = self.hide(tokens, self.draw(tokens))
        logits, targets = logits_at(model, hidden, places), tokens.gather(1, places).flatten()
        with torch.no_grad():
            taught = logits_at(cast(Bert, teacher.model), hidden, places)
        hard = F.cross_entropy(logits.float(), targets, label_smoothing=self.label_smoothing)
        return teacher.mixed(hard, logits, taught)

    def draw(self, tokens: Tensor) -> Tensor:
        """Return random numbers (3, B, T) for `hide`."""
        return torch.rand((3, *tokens.shape), device=tokens.device)

    def measure(self, model: Bert, batch: Batch) -> dict[str, Tensor]:
        logits, targets = self.foretell(model, batch["tokens"], batch["draws"])
        return {
            "loss": F.cross_entropy(logits.float(), targets, reduction="sum"),
            "correct": (logits.argmax(dim=-1) == targets).sum(),
            "tokens": torch.tensor(targets.numel()),
        }

    def summarise(self, totals: dict[str, float]) -> dict[str, float]:
        loss = totals["loss"] / totals["tokens"]
        return {
            "loss": loss,
            "perplexity": math.exp(loss) if loss < 700 else math.inf,
            "accuracy": totals["correct"] / totals["tokens"],
            "num_tokens": totals["tokens"],
        }

    def documents(self, split: TokenSplit, example: int) -> Sequence[int]:
        start = example * self.window
        first = int(np.searchsorted(split.document_starts, start, side="right")) - 1
        end = int(np.searchsorted(split.document_starts, start + self.window, side="left"))
        return range(max(first, 0), end)

    @torch.inference_mode()
    def predict(self, model: Bert, text: str) -> dict[str, Any]:
        """Return the likeliest tokens for the first [MASK] in the text."""
        sign = next((sign for sign in MASK_SIGNS if sign in text), None)
        if sign is None:
            raise InputError("the text hides nothing: write [MASK] where the model is to foretell a token")
        tokenizer = self.tokenizer
        before, after = text.split(sign, 1)
        left, right = tokenizer.encode(before), tokenizer.encode(after)
        left = left[-(self.length - 3) :] if len(left) > self.length - 3 else left
        begun = [self.special.first, *left, self.special.mask, *right][: self.length - 1]
        tokens = [*begun, self.special.last]
        device = model.token_embedding.weight.device
        x = model(torch.tensor([tokens], device=device))
        likely = model.foretell(x[0, len(left) + 1][None])[0].float().softmax(dim=-1)
        best = likely[: tokenizer.vocab_size].topk(min(NUM_CANDIDATES, tokenizer.vocab_size))
        from trainer.inference.engine import token_label

        pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        return {"labels": [{"label": token_label(tokenizer, i), "probability": p} for i, p in pairs]}


def logits_at(model: Bert, hidden: Tensor, places: Tensor) -> Tensor:
    """Return the logits (B * N, V) at some places (B, N) of tokens (B, T)."""
    x = model(hidden)  # (B, T, D)
    chosen = x.gather(1, places.unsqueeze(-1).expand(-1, -1, x.size(-1)))  # (B, N, D)
    return model.foretell(chosen.flatten(0, 1))
