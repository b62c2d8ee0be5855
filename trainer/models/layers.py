"""Layers that more than one family is built of. A family's own forms stay in its folder.

Sizes in comments: B batch, T tokens, D model width, F feed-forward width, K head width.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

Activation = Literal["gelu", "gelu_tanh", "silu"]
Rotation = tuple[Tensor, Tensor] | None
"""Cosines and sines (T, K) of the positions; None: positions are told otherwise."""


class FeedForward(nn.Module):
    """What each token makes of what it gathered: an activation between two matrices.

    Gated, the inner width is computed twice and one half, through the activation, scales the other: with `silu` this is
    SwiGLU, with `gelu` GeGLU (Shazeer 2020).
    """

    def __init__(self, *, width: int, inner_width: int, activation: Activation, gated: bool, bias: bool) -> None:
        super().__init__()
        self.activation, self.gated = activation, gated
        self.up = nn.Linear(width, 2 * inner_width if gated else inner_width, bias=bias)
        self.down = nn.Linear(inner_width, width, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.up(x)  # (B, T, F), or (B, T, 2F) when gated
        if self.gated:
            gate, x = x.chunk(2, dim=-1)
            x = activate(gate, self.activation) * x  # (B, T, F)
        else:
            x = activate(x, self.activation)
        written: Tensor = self.down(x)  # (B, T, D)
        return written


def activate(x: Tensor, activation: Activation) -> Tensor:
    if activation == "silu":
        return F.silu(x)
    if activation == "gelu_tanh" and x.device.type == "cpu" and torch.compiler.is_compiling():
        return gelu_by_sigmoid(x)
    return F.gelu(x, approximate="tanh" if activation == "gelu_tanh" else "none")


def gelu_by_sigmoid(x: Tensor) -> Tensor:
    """Return what GELU by tanh is (Hendrycks and Gimpel 2016), through the same function's other name: compiled for a
    processor, forward and backward take 0.4 of the time, as an exponential is cheaper there than a tanh."""
    inner = math.sqrt(8 / math.pi) * (x + 0.044715 * x * x * x)
    return x * torch.sigmoid(inner)


def rotation_table(*, head_width: int, length: int, theta: float) -> tuple[Tensor, Tensor]:
    """Return cosines and sines (length, K) by which RoPE turns each pair of a head's numbers at each position."""
    exponents = torch.arange(0, head_width, 2).float() / max(head_width, 1)  # (K / 2,)
    angles = torch.arange(length).float()[:, None] / theta**exponents  # (length, K / 2)
    angles = torch.cat([angles, angles], dim=-1)  # (length, K): the first half pairs with the second
    return angles.cos(), angles.sin()


def rotate(x: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    """Turn the heads (B, H, T, K) by their positions: the product of a query and a key then depends on their distance."""
    cosines, sines = rotation  # (T, K) each
    first, second = x.chunk(2, dim=-1)
    turned = torch.cat([-second, first], dim=-1)
    return (x * cosines + turned * sines).type_as(x)


def count_by_part(model: nn.Module, part_of: Callable[[str], str]) -> dict[str, int]:
    """Return how many parameters each part of a model has, by what `part_of` makes of their names; the sum is the model."""
    parts: dict[str, int] = {}
    for name, parameter in model.named_parameters():
        parts[part_of(name)] = parts.get(part_of(name), 0) + parameter.numel()
    return parts
