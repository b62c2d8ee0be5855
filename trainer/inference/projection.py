"""A matrix as generation multiplies with it: a few rows against all weights, over and over.

Such a product is limited by how fast the weights come from memory. On a processor oneDNN reads a matrix about twice as
fast when it was put into blocks beforehand, so it is packed once; elsewhere the device's own product serves. Layers of
integers (trainer/compress) have kernels of their own and are called as they are.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

FEW_ROWS = 8
"""Rows at once that the blocks are laid out for; any number is taken."""


class Projection:
    """x W^T + b in one type of numbers. Sizes: R rows, T tokens, K inputs, N outputs."""

    def __init__(self, weight: Tensor, bias: Tensor | None, dtype: torch.dtype, *, hold: bool = True) -> None:
        """Hold a copy in such numbers, or, where somebody else does, turn the model's own into them for each product."""
        self.dtype, self.weight = dtype, weight.detach()  # (N, K)
        self.bias = None if bias is None else bias.detach().to(dtype)
        self.is_packed = hold and weight.device.type == "cpu" and has_packed_product(dtype)
        self.size_bytes = weight.numel() * dtype.itemsize if hold else 0
        if hold:
            self.weight = self.weight.to(dtype)
        if self.is_packed:
            self.weight = torch.ops.mkldnn._reorder_linear_weight(self.weight.contiguous(), FEW_ROWS)

    def __call__(self, x: Tensor) -> Tensor:
        """Return the product (R, T, N) of (R, T, K)."""
        if not self.is_packed:
            return F.linear(x, self.weight.to(self.dtype), self.bias)
        product: Tensor = torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, "none", [], "")
        return product

    def plus(self, x: Tensor, other: Tensor) -> Tensor:
        """Return the product added to another tensor (R, T, N)."""
        if not self.is_packed:
            return other + self(x)
        total: Tensor = torch.ops.mkldnn._linear_pointwise.binary(x, other, self.weight, self.bias, "add")
        return total


class LayerProjection:
    """A layer that multiplies in its own way, in whatever numbers it takes."""

    size_bytes = 0  # it is the model's own

    def __init__(self, layer: nn.Module) -> None:
        self.layer = layer

    def __call__(self, x: Tensor) -> Tensor:
        found: Tensor = self.layer(x)
        return found

    def plus(self, x: Tensor, other: Tensor) -> Tensor:
        return other + self(x)


def projection(layer: nn.Module, dtype: torch.dtype, *, hold: bool = True) -> Projection | LayerProjection:
    """Return a linear layer made ready; what an adapter adds to its weights is in them."""
    if isinstance(layer, nn.Linear):
        return Projection(layer.weight, layer.bias, dtype, hold=hold)
    return LayerProjection(layer)


def has_packed_product(dtype: torch.dtype) -> bool:
    """Say whether this build of torch, on this processor, multiplies packed matrices of such numbers."""
    if not torch._C._has_mkldnn or not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return False
    if dtype == torch.bfloat16:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return dtype == torch.float32
