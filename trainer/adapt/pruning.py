"""Takes out of a model what matters least before it goes on learning: single weights here, whole parts in the family.

A weight that is zero before a step is zero behind it (`trainer.training.optimizer`): that rule alone keeps what was pruned
at nothing, needs nothing besides the weights to be saved, and resumes to the bit.

Source: Han et al. 2015 (magnitude pruning with recovery training).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from trainer.adapt.source import Source
from trainer.errors import InputError
from trainer.sections import PruneSpec
from trainer.training.task import Task

MATRICES = (nn.Linear, nn.modules.conv._ConvNd)


def matrices_of(task: Task, model: nn.Module) -> dict[str, Tensor]:
    """Return the weights that may be pruned one by one: of dense layers and convolutions, but for the task's own head."""
    heads = task.head_names(model)
    named = (
        (f"{name}.weight".lstrip("."), part.weight)
        for name, part in model.named_modules()
        if isinstance(part, MATRICES)
    )
    found = {name: weight for name, weight in named if name not in heads}
    copies = {task.copy_of(name) for name in found}
    return {name: weight for name, weight in found.items() if name not in copies}


def pruned_names(task: Task, model: nn.Module) -> list[str]:
    """Return the parameters whose zeros stay zero in this run."""
    return list(matrices_of(task, model)) if task.spec.prune.method == "magnitude" else []


def cut_source(task: Task, source: Source, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the source's weights in the sizes of this run's model."""
    return task.cut(weights, source.model) if task.spec.prune.method == "structured" else weights


@torch.no_grad()
def prune_weights(task: Task, model: nn.Module, prune: PruneSpec) -> dict[str, Any]:
    """Set the share of weights nearest to zero to zero, in place; return what was done, for the run's facts."""
    weights = matrices_of(task, model)
    if not weights:
        raise InputError(
            f"a model of family {task.spec.family} has neither dense layers nor convolutions inside, so there is nothing to "
            "prune by magnitude"
        )
    if prune.scope == "global":
        zero_smallest(list(weights.values()), prune.fraction)
    else:
        for weight in weights.values():
            zero_smallest([weight], prune.fraction)
    parameters = dict(model.named_parameters())
    for name, weight in weights.items():
        if copy := task.copy_of(name):
            parameters[copy].mul_(weight != 0)
    return {"method": "magnitude", "scope": prune.scope, "fraction": prune.fraction, **zeros_of(weights)}


def zero_smallest(weights: list[Tensor], fraction: float) -> None:
    """Set that share of some weights together to zero."""
    sizes = torch.cat([weight.abs().flatten() for weight in weights])
    smallest = sizes.topk(round(fraction * len(sizes)), largest=False, sorted=False).indices
    stays = torch.ones_like(sizes, dtype=torch.bool)
    stays[smallest] = False
    masks: tuple[Tensor, ...] = torch.split(stays, [weight.numel() for weight in weights])
    for weight, mask in zip(weights, masks, strict=True):
        weight.mul_(mask.view(weight.shape))


def zeros_of(weights: dict[str, Tensor]) -> dict[str, int]:
    return {
        "num_zero": sum(int((weight == 0).sum()) for weight in weights.values()),
        "num_prunable": sum(weight.numel() for weight in weights.values()),
    }
