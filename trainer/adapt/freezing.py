"""What stays as it is, and at which rate the rest learns: by the place of a block, counted from the input."""

from __future__ import annotations

import re
from collections.abc import Set

from torch import nn

from trainer.adapt.adapters import is_extra
from trainer.errors import SpecError
from trainer.spec import TransferSpec

_BLOCK = re.compile(r"^blocks\.(\d+)\.")


def freeze(model: nn.Module, transfer: TransferSpec, *, head_names: Set[str]) -> None:
    """Take what does not learn out of the gradient. What belongs to the task always learns."""
    count = num_blocks(model)
    if transfer.freeze_layers > count:
        raise SpecError(f"transfer.freeze_layers is {transfer.freeze_layers}, but the model has {count} blocks")
    for name, parameter in model.named_parameters():
        if name in head_names or is_extra(name):
            continue
        parameter.requires_grad_(not (transfer.adapter != "none" or is_frozen(name, transfer.freeze_layers)))


def is_frozen(name: str, freeze_layers: int) -> bool:
    if freeze_layers < 0:
        return True
    block = block_of(name)
    if block is None:
        return freeze_layers > 0 and is_below(name)
    return block < freeze_layers


def rate_scales(model: nn.Module, transfer: TransferSpec) -> dict[str, float]:
    """Return what fraction of the learning rate each parameter learns at: the block at the top and the head at all of it."""
    if transfer.layer_rate_decay == 1:
        return {}
    top = num_blocks(model)
    return {name: transfer.layer_rate_decay ** (top - depth_of(name, top)) for name, _ in model.named_parameters()}


def depth_of(name: str, top: int) -> int:
    """Return 0 for what lies below the blocks, 1 for the first block, and as much as the last one for all above."""
    block = block_of(name)
    if block is not None:
        return block + 1
    return 0 if is_below(name) else top


def block_of(name: str) -> int | None:
    """Return the number of the block that a parameter lies in; None for none."""
    found = _BLOCK.match(name)
    return int(found.group(1)) if found else None


def is_below(name: str) -> bool:
    """Say whether a parameter outside the blocks is an embedding."""
    return "embedding" in name


def num_blocks(model: nn.Module) -> int:
    return 1 + max((block for name, _ in model.named_parameters() if (block := block_of(name)) is not None), default=-1)
