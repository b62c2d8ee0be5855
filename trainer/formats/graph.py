"""A model as a function of tensors: what it takes, what it gives, and which sizes may change. Tasks make one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from trainer.errors import InputError

SEED = 20
SIZES = ((1, 7), (3, 19), (2, 2))
"""Rows and, where a row has a length, lengths of the inputs on which a written model is compared."""

Inputs = tuple[Tensor, ...]
InputMaker = Callable[[int, int, torch.Generator], Inputs]


@dataclass(frozen=True, kw_only=True, slots=True)
class Graph:
    """A model to be traced: `module(*inputs)` gives one tensor."""

    module: nn.Module
    make_inputs: InputMaker
    """Returns inputs of so many rows and of such a length, drawn from a generator."""

    input_names: tuple[str, ...]
    output_name: str
    open_sizes: tuple[dict[int, str], ...]
    """For each input: which of its sizes may change, and what they are called."""

    longest: int = 1
    """Largest length of a row."""

    before_pooling: nn.Module | None = None
    """The part that transformers has too, where it leaves the rest to its user: an encoder without pooling."""

    def examples(self) -> list[Inputs]:
        """Return the inputs to trace and to compare with: the same each time."""
        chance = torch.Generator().manual_seed(SEED)
        return [self.make_inputs(rows, min(length, self.longest), chance) for rows, length in SIZES]

    @torch.no_grad()
    def answer(self, inputs: Inputs) -> NDArray[Any]:
        found: Tensor = self.module(*inputs)
        return np.asarray(found.float().numpy())


class MaskedGraph(nn.Module):
    """One function of a model of tokens (B, T) and of which of them are there (B, T)."""

    def __init__(self, model: nn.Module, function: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.model, self.function = model, function

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        return self.function(tokens, mask)


def token_graph(module: nn.Module, *, vocab_size: int, longest: int, output_name: str = "logits") -> Graph:
    """Return the graph of a model of tokens (B, T)."""

    def make(rows: int, length: int, chance: torch.Generator) -> Inputs:
        return (torch.randint(0, vocab_size, (rows, length), generator=chance),)

    return Graph(
        module=module,
        make_inputs=make,
        input_names=("tokens",),
        output_name=output_name,
        open_sizes=({0: "rows", 1: "length"},),
        longest=longest,
    )


def masked_graph(
    model: nn.Module, function: Callable[[Tensor, Tensor], Tensor], *, vocab_size: int, longest: int, output_name: str
) -> Graph:
    """Return the graph of a model of tokens and a mask; later rows of its examples are shorter."""

    def make(rows: int, length: int, chance: torch.Generator) -> Inputs:
        tokens = torch.randint(0, vocab_size, (rows, length), generator=chance)
        lengths = torch.tensor([max(length - 2 * row, 1) for row in range(rows)])
        return tokens, torch.arange(length)[None] < lengths[:, None]

    sizes = {0: "rows", 1: "length"}
    return Graph(
        module=MaskedGraph(model, function),
        make_inputs=make,
        input_names=("tokens", "mask"),
        output_name=output_name,
        open_sizes=(sizes, sizes),
        longest=longest,
    )


def picture_graph(module: nn.Module, *, num_channels: int, side: int, output_name: str = "logits") -> Graph:
    """Return the graph of a model of pictures (B, C, S, S) from 0 to 1."""

    def make(rows: int, length: int, chance: torch.Generator) -> Inputs:
        return (torch.rand(rows, num_channels, side, side, generator=chance),)

    return Graph(
        module=module,
        make_inputs=make,
        input_names=("pictures",),
        output_name=output_name,
        open_sizes=({0: "rows"},),
    )


def pair_graph(module: nn.Module, *, vocab_size: int, longest: int) -> Graph:
    """Return the graph of a model of a source, which of its tokens are there, and the target so far."""

    def make(rows: int, length: int, chance: torch.Generator) -> Inputs:
        source, target = (
            torch.randint(0, vocab_size, (rows, size), generator=chance) for size in (length, length // 2 + 1)
        )
        lengths = torch.tensor([max(length - 2 * row, 1) for row in range(rows)])
        return source, torch.arange(length)[None] < lengths[:, None], target

    source_sizes = {0: "rows", 1: "source_length"}
    return Graph(
        module=module,
        make_inputs=make,
        input_names=("source", "source_mask", "target"),
        output_name="logits",
        open_sizes=(source_sizes, source_sizes, {0: "rows", 1: "target_length"}),
        longest=longest,
    )


def load_graph(checkpoint: Path, *, sha256: str) -> tuple[Any, Graph]:
    """Return a checkpoint's model on the processor, and its graph; raise `InputError` where its family has none."""
    from trainer.inference.loading import load_model  # it needs tasks, which need graphs

    loaded = load_model(checkpoint, sha256=sha256, device="cpu")
    graph = loaded.task.graph(loaded.model)
    if graph is None:
        raise InputError(
            f"a model of family {loaded.task.spec.family} with these settings has no form as a graph; "
            "export it as a folder instead"
        )
    return loaded, graph
