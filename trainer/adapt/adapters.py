"""LoRA and DoRA: a matrix stays as it is, and a small one beside it learns.

    LoRA    W x + (alpha / r) B A x                       B starts at zero, so that nothing changes at first
    DoRA    m * (W + (alpha / r) B A) x / |row|           m, the length of each row, learns by itself

An adapted matrix is still an `nn.Linear` under its own name: weights with and without adapters fit each other, and a
merged one is a plain one again. Merging keeps what was there, so that unmerging gives it back bit for bit.

Sources: Hu et al. 2021, arXiv 2106.09685 (LoRA); Liu et al. 2024, arXiv 2402.09353 (DoRA).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from trainer.errors import SpecError
from trainer.sections import TransferSpec

Kind = Literal["lora", "dora"]
ATTENTION = (".attention.", ".cross_attention.")
PARTS = {"attention": ATTENTION, "feed_forward": (".feed_forward.",), "all": (*ATTENTION, ".feed_forward.")}
EXTRAS = ("lora_a", "lora_b", "magnitude")


class AdaptedLinear(nn.Linear):
    """A linear layer with an adapter. `weight` and `bias` are the base's own."""

    def __init__(self, base: nn.Linear, *, kind: Kind, rank: int, alpha: float) -> None:
        super().__init__(base.in_features, base.out_features, bias=base.bias is not None, device="meta")
        self.weight, self.bias = base.weight, base.bias
        self.kind, self.scale = kind, alpha / rank
        self.lora_a = nn.Parameter(base.weight.new_empty(rank, base.in_features))
        self.lora_b = nn.Parameter(base.weight.new_zeros(base.out_features, rank))
        nn.init.kaiming_uniform_(self.lora_a, a=math.sqrt(5))
        self.magnitude = nn.Parameter(base.weight.new_ones(base.out_features)) if kind == "dora" else None
        self.original: Tensor | None = None
        self.is_off = False
        self.reset_magnitude()

    @torch.no_grad()
    def reset_magnitude(self) -> None:
        """Take the rows' lengths from the base; done again when other weights were loaded into it."""
        if self.magnitude is not None:
            self.magnitude.copy_(self.weight.norm(dim=1))

    @property
    def is_merged(self) -> bool:
        return self.original is not None

    def forward(self, x: Tensor) -> Tensor:
        if self.is_merged or self.is_off:
            return F.linear(x, self.weight, self.bias)
        if self.kind == "dora":
            return F.linear(x, self.effective_weight(), self.bias)
        return F.linear(x, self.weight, self.bias) + F.linear(F.linear(x, self.lora_a), self.lora_b) * self.scale

    def effective_weight(self) -> Tensor:
        """Return the one matrix that does what base and adapter do together."""
        whole: Tensor = self.weight + self.scale * (self.lora_b @ self.lora_a)
        if self.magnitude is None:
            return whole
        # the length is taken as a constant, which saves memory and costs no accuracy (DoRA, section 4.3)
        scaled: Tensor = whole * (self.magnitude / whole.norm(dim=1).detach()).unsqueeze(1)
        return scaled

    @torch.no_grad()
    def merge(self) -> None:
        """Write the adapter into the matrix; what was there is kept."""
        if not self.is_merged:
            original = self.weight.clone()
            self.weight.copy_(self.effective_weight())
            self.original = original

    @torch.no_grad()
    def unmerge(self) -> None:
        """Put back what was there, to the last bit."""
        if self.original is not None:
            self.weight.copy_(self.original)
            self.original = None


def add_adapters(model: nn.Module, transfer: TransferSpec) -> nn.Module:
    """Put adapters beside the matrices that the spec names, in place; return the model."""
    if transfer.adapter == "none":
        return model
    chosen = [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear)
        and name.startswith("blocks.")
        and any(p in name for p in PARTS[transfer.adapter_parts])
    ]
    if not chosen:
        raise SpecError(
            f"transfer.adapter is {transfer.adapter}, but this kind of model has no blocks to adapt: set it to none"
        )
    for name, module in chosen:
        parent, _, last = name.rpartition(".")
        adapted = AdaptedLinear(module, kind=transfer.adapter, rank=transfer.adapter_rank, alpha=transfer.adapter_alpha)
        setattr(model.get_submodule(parent), last, adapted)
    return model


def adapted(model: nn.Module) -> Iterator[AdaptedLinear]:
    """Yield the adapted layers."""
    return (module for module in model.modules() if isinstance(module, AdaptedLinear))


@contextmanager
def switched_off(model: nn.Module) -> Iterator[None]:
    """Let the model be what it was without its adapters; they must not be merged."""
    layers = list(adapted(model))
    for layer in layers:
        layer.is_off = True
    try:
        yield
    finally:
        for layer in layers:
            layer.is_off = False


def merge(model: nn.Module) -> None:
    for layer in adapted(model):
        layer.merge()


def unmerge(model: nn.Module) -> None:
    for layer in adapted(model):
        layer.unmerge()


def is_extra(name: str) -> bool:
    """Say whether a weight of that name belongs to an adapter."""
    return name.endswith(EXTRAS)
