"""Puts integer layers in the place of a model's linear layers, convolutions and tables of tokens."""

from __future__ import annotations

from typing import Any

from torch import nn

from trainer.compress.convolution import PackedConv2d
from trainer.compress.quantised import GROUP, DynamicInt8Linear, Int4Linear, Int8Embedding, Int8EmbeddingBag, Int8Linear
from trainer.compress.spec import Method
from trainer.errors import InputError

FACT = "compression"
"""Name of the fact in a checkpoint's manifest that says by which method its weights are stored."""


def quantise(model: nn.Module, method: Method) -> nn.Module:
    """Replace the layers in place, weights and all, and return the model."""
    if not any(
        isinstance(module, nn.Linear | nn.Conv2d | nn.Embedding | nn.EmbeddingBag) for module in model.modules()
    ):
        raise InputError(
            "the model has no linear layers, convolutions or tables of tokens, so there is nothing to store in fewer bits"
        )
    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if type(layer) is nn.Linear:
                setattr(parent, name, linear_of(layer, method))
            elif type(layer) is nn.Conv2d:
                setattr(parent, name, PackedConv2d.of(layer, in_int4=method == "int4"))
            elif type(layer) is nn.Embedding:
                setattr(parent, name, Int8Embedding.of(layer))
            elif type(layer) is nn.EmbeddingBag:
                setattr(parent, name, Int8EmbeddingBag.of_bags(layer))
    return model.requires_grad_(False)


def linear_of(layer: nn.Linear, method: Method) -> nn.Module:
    if method == "int4" and layer.in_features % GROUP == 0:
        return Int4Linear.of(layer)
    return DynamicInt8Linear.of(layer) if method == "int8_dynamic" else Int8Linear.of(layer)


def as_stored(model: nn.Module, facts: dict[str, Any]) -> nn.Module:
    """Return the model with the layers that a checkpoint with these facts has weights for."""
    method = facts.get(FACT)
    return quantise(model, method["method"]) if method else model


def refuse_compressed(facts: dict[str, Any], wanted: str) -> None:
    """Raise `InputError` where the weights are integers and whole ones are wanted."""
    if facts.get(FACT):
        raise InputError(f"the weights of this checkpoint are compressed; to {wanted}, take the one it was made of")
