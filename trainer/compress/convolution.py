"""Convolutions whose weights are integers with scales. They are widened for each pass: the file and the memory become
smaller, the arithmetic stays as it is. Sizes in comments: N channels out, C channels in a group, K = C x height x width.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from trainer.compress.quantised import GROUP, Int4Linear, Int8Linear


class PackedConv2d(nn.Module):
    """A convolution that keeps its weights (N, K) as a linear layer of the same numbers does."""

    def __init__(self, packed: Int8Linear | Int4Linear, like: nn.Conv2d) -> None:
        super().__init__()
        self.packed = packed
        self.shape = tuple(like.weight.shape)  # (N, C, height, width)
        assert not isinstance(like.padding, str)
        self.how: dict[str, Any] = {
            "stride": like.stride, "padding": like.padding, "dilation": like.dilation, "groups": like.groups,
        }  # fmt: skip

    @classmethod
    @torch.no_grad()
    def of(cls, layer: nn.Conv2d, *, in_int4: bool) -> PackedConv2d:
        """Return the layer with its weights rounded; int4 needs K to be a multiple of 32, and int8 takes its place elsewhere."""
        num_inputs = layer.weight[0].numel()
        flat = nn.Linear(num_inputs, layer.out_channels, bias=layer.bias is not None, device=layer.weight.device)
        flat.weight.copy_(layer.weight.flatten(1))
        if layer.bias is not None:
            flat.bias.copy_(layer.bias)
        fits = in_int4 and num_inputs % GROUP == 0
        return cls(Int4Linear.of(flat) if fits else Int8Linear.of(flat), layer)

    @property
    def weight(self) -> Tensor:
        """The weights (N, C, height, width), widened."""
        return self.packed.weight.view(self.shape)

    def forward(self, x: Tensor) -> Tensor:
        bias = self.packed.bias
        return F.conv2d(x, self.weight.type_as(x), None if bias is None else bias.type_as(x), **self.how)
