"""Texts in other words, by a model of one's own: a Transformer of pairs that mean the same, or two that translate there and
back. Opened by the preparation of data where its recipe asks for it.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from trainer.errors import InputError
from trainer.inference.find import find_checkpoint
from trainer.inference.loading import LoadedModel, load_model

TEXTS_AT_ONCE = 64


def open_paraphraser(place: str, back: str = "") -> ModelParaphraser:
    """Return what says lines in other words; raise `InputError` where a model cannot."""
    torch.set_num_threads(1)  # the same sums on any machine; the preparation's own threads share the work
    return ModelParaphraser(*(open_writer(each) for each in (place, back) if each))


def open_writer(place: str) -> LoadedModel:
    loaded = load_model(find_checkpoint(Path(place)), device="cpu")
    if "translate" not in loaded.task.abilities:
        raise InputError(
            f"augment.paraphraser: {place} is a model of family {loaded.task.spec.family}, which makes no text of another; "
            "choose a Transformer that learnt from pairs"
        )
    return loaded


class ModelParaphraser:
    """One model, or two of which the second translates back what the first translated."""

    def __init__(self, *models: LoadedModel) -> None:
        self.models = models
        self._lock = threading.Lock()

    def __call__(self, lines: Sequence[str], count: int) -> list[list[str]]:
        """Return the ways of saying each line, likeliest first; none of those that the model cannot read whole."""
        found: list[list[str]] = [[] for _ in lines]
        fitting = [i for i, line in enumerate(lines) if self._fits(line)]
        with self._lock:
            for at in range(0, len(fitting), TEXTS_AT_ONCE):
                chosen = fitting[at : at + TEXTS_AT_ONCE]
                for i, ways in zip(chosen, self._said([lines[i] for i in chosen], count + 1), strict=True):
                    found[i] = ways
        return found

    def _said(self, lines: list[str], count: int) -> list[list[str]]:
        ways = written(self.models[0], lines, count)
        for model in self.models[1:]:
            flat = [way for each in ways for way in each]
            back = iter(written(model, flat, 1))
            ways = [[best for _ in each for best in next(back)] for each in ways]
        return ways

    def _fits(self, line: str) -> bool:
        task: Any = self.models[0].task
        return bool(len(task.assets.tokenizer.encode(line)) < task.length)


@torch.inference_mode()
def written(loaded: LoadedModel, lines: list[str], count: int) -> list[list[str]]:
    """Return the `count` likeliest texts that a model makes of each line."""
    task: Any = loaded.task
    if not lines:
        return []
    read = task.read(loaded.model, lines)
    found = task.search(loaded.model, read["source"], read["source_mask"], num_beams=count)
    return [[task.assets.tokenizer.decode(each.tokens) for each in best] for best in found]
