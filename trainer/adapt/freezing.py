"""What stays as it is, and at which rate the rest learns: by the place of a block, counted from the input.

Which block a parameter lies in, and whether it lies below them all, the task says (`block_of`, `is_below`).
"""

from __future__ import annotations

from collections.abc import Set

from torch import nn

from trainer.adapt.adapters import is_extra
from trainer.errors import SpecError
from trainer.training.task import Task


def freeze(task: Task, model: nn.Module, *, head_names: Set[str]) -> None:
    """Take what does not learn out of the gradient. What belongs to the task always learns."""
    transfer, count = task.spec.transfer, num_blocks(task, model)
    if transfer.freeze_layers > count:
        raise SpecError(f"transfer.freeze_layers is {transfer.freeze_layers}, but the model has {count} blocks")
    for name, parameter in model.named_parameters():
        if name in head_names or is_extra(name) or not parameter.requires_grad:
            continue
        parameter.requires_grad_(not (transfer.adapter != "none" or is_frozen(task, name)))


def is_frozen(task: Task, name: str) -> bool:
    wanted = task.spec.transfer.freeze_layers
    if wanted < 0:
        return True
    block = task.block_of(name)
    if block is None:
        return wanted > 0 and task.is_below(name)
    return block < wanted


def rate_scales(task: Task, model: nn.Module) -> dict[str, float]:
    """Return what fraction of the learning rate each parameter learns at: the block at the top and the head at all of it."""
    decay = task.spec.transfer.layer_rate_decay
    if decay == 1:
        return {}
    top = num_blocks(task, model)
    return {name: decay ** (top - depth_of(task, name, top)) for name, _ in model.named_parameters()}


def depth_of(task: Task, name: str, top: int) -> int:
    """Return 0 for what lies below the blocks, 1 for the first block, and as much as the last one for all above."""
    block = task.block_of(name)
    if block is not None:
        return block + 1
    return 0 if task.is_below(name) else top


def num_blocks(task: Task, model: nn.Module) -> int:
    blocks = (task.block_of(name) for name, _ in model.named_parameters())
    return 1 + max((block for block in blocks if block is not None), default=-1)
