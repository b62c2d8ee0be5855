"""Products of float32 matrices by oneDNN on a processor, where it is faster than the library that torch was built with.

torch multiplies float32 matrices by MKL, which on processors of other makers than its own may reach half of what oneDNN
does; for smaller formats torch takes oneDNN by itself. `trainer.training.machine` measures both and decides; nothing
changes in a model but the class of its larger linear layers, and nothing in its checkpoints.

Sizes: N rows, K numbers in each, V numbers that each is mapped to.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import register_flop_formula

from trainer.sections import Products

FEWEST_WEIGHTS = 65_536
"""With fewer, a call of oneDNN's takes longer than it saves."""

_products: Products = "torch"


class OnednnLinear(nn.Linear):
    """A linear layer whose products are those that were decided on."""

    def forward(self, x: Tensor) -> Tensor:
        if not is_served(x, self.weight):
            return super().forward(x)
        mapped = product(x.reshape(-1, self.in_features), self.weight).view(*x.shape[:-1], self.out_features)
        return mapped if self.bias is None else mapped + self.bias


def multiply_by(products: Products, model: nn.Module) -> None:
    """Let this process multiply float32 matrices so, in this model's larger linear layers and in its output's loss."""
    global _products  # as torch's own switches are: a process trains one model
    _products = products
    if products == "torch":
        return
    for layer in model.modules():
        if type(layer) is nn.Linear and layer.weight.numel() >= FEWEST_WEIGHTS:
            layer.__class__ = OnednnLinear


def has_onednn() -> bool:
    return bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]


def is_served(x: Tensor, weight: Tensor) -> bool:
    """Say whether oneDNN multiplies these."""
    return (
        _products != "torch"
        and x.device.type == "cpu"
        and x.dtype == weight.dtype == torch.float32
        and weight.numel() >= FEWEST_WEIGHTS
        and not torch.is_autocast_enabled("cpu")
    )


def product(x: Tensor, weight: Tensor) -> Tensor:
    """Return rows (N, V) of x (N, K) times weights (V, K), transposed; gradients flow to both."""
    if not is_served(x, weight):
        return x @ weight.T
    mapped: Tensor = _Product.apply(x, weight)  # type: ignore[no-untyped-call]
    return mapped


def gradient_of_rows(gradient: Tensor, weight: Tensor) -> Tensor:
    """Return the gradient (N, K) of x from that of the product (N, V)."""
    found: Tensor = onednn_product(gradient, weight.T) if is_served(gradient, weight) else gradient @ weight
    return found


def gradient_of_weight(gradient: Tensor, x: Tensor, weight: Tensor) -> Tensor:
    """Return the gradient (V, K) of the weights from that of the product (N, V)."""
    by_onednn = _products == "onednn" and is_served(x, weight)
    found: Tensor = onednn_product(gradient.T, x.T) if by_onednn else gradient.T @ x
    return found


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        mapped: Tensor = onednn_product(x, weight)
        return mapped

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:  # type: ignore[override]
        x, weight = ctx.saved_tensors
        needs_rows, needs_weight = ctx.needs_input_grad
        return (
            gradient_of_rows(gradient, weight) if needs_rows else None,
            gradient_of_weight(gradient, x, weight) if needs_weight else None,
        )


@torch.library.custom_op("isocost::onednn_product", mutates_args=(), device_types="cpu")
def onednn_product(x: Tensor, weight: Tensor) -> Tensor:
    """Return rows (N, V) of x (N, K) times weights (V, K), transposed, by oneDNN; of either the transpose may be a view."""
    mapped: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, None, "none", [], "")
    return mapped


@onednn_product.register_fake
def _(x: Tensor, weight: Tensor) -> Tensor:
    return x.new_empty(x.size(0), weight.size(0))


@register_flop_formula(torch.ops.isocost.onednn_product)
def _flop(x: torch.Size, weight: torch.Size, *_: Any, **__: Any) -> int:
    return 2 * x[0] * x[1] * weight[0]
