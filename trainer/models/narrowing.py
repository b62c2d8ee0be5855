"""Structured pruning: which rows and columns of matrices stay, by how strongly they write and are read.

A number of a table counts what its column holds times what the next layer reads it with; a neuron what its row comes to times
what the next layer reads it with, as in `trainer.models.cutting`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from trainer.errors import SpecError
from trainer.models.cutting import strongest

Weights = dict[str, Tensor]


def require_narrower(before: Any, after: Any, names: Sequence[str]) -> None:
    """Raise `SpecError` where a width has grown, or none has shrunk."""
    for name in names:
        if getattr(after, name) > getattr(before, name):
            raise SpecError(
                f"model.{name} is {getattr(after, name)}, and pruning leaves at most the {getattr(before, name)} of "
                "transfer.source"
            )
    if all(getattr(after, name) == getattr(before, name) for name in names):
        raise SpecError(
            f"prune.method is structured, and the sizes are those of transfer.source: make model.{names[0]} smaller"
        )


def row_norms(weight: Tensor) -> Tensor:
    return weight.float().flatten(1).square().sum(dim=1).sqrt()


def column_norms(weight: Tensor) -> Tensor:
    return weight.float().square().sum(dim=0).sqrt()


def keep_rows(weights: Weights, name: str, kept: Tensor) -> None:
    """Keep some outputs of a dense layer, in place, with their biases."""
    weights[f"{name}.weight"] = weights[f"{name}.weight"][kept].contiguous()
    if (bias := weights.get(f"{name}.bias")) is not None:
        weights[f"{name}.bias"] = bias[kept].contiguous()


def keep_columns(weights: Weights, name: str, kept: Tensor) -> None:
    """Keep some inputs of a dense layer, or some numbers of a table, in place."""
    weights[f"{name}.weight"] = weights[f"{name}.weight"][:, kept].contiguous()


def cut_between(weights: Weights, own: str, following: str, width: int) -> None:
    """Keep the strongest neurons between two dense layers, in place."""
    strength = row_norms(weights[f"{own}.weight"]) * column_norms(weights[f"{following}.weight"])
    kept = strongest(strength, width)
    keep_rows(weights, own, kept)
    keep_columns(weights, following, kept)


def together(norms: Sequence[Tensor]) -> Tensor:
    """Return the norm of several things as one."""
    return torch.stack(list(norms)).square().sum(dim=0).sqrt()
