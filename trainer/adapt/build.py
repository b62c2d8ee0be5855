"""Makes a task's model as its spec wants it: with adapters, and with what stays as it is taken out of the gradient."""

from __future__ import annotations

from torch import Tensor, nn

from trainer.adapt.adapters import adapted, add_adapters, is_extra, merge
from trainer.adapt.freezing import freeze
from trainer.compress.quantise import refuse_compressed
from trainer.training.checkpoint import StoredCheckpoint
from trainer.training.task import Task, make_task


def build_model(task: Task) -> nn.Module:
    """Return the model with fresh weights."""
    model = task.build_model()
    transfer = task.spec.transfer
    if transfer.adapter == "none" and transfer.freeze_layers == 0:
        return model
    head_names = task.head_names(model)
    add_adapters(model, transfer)
    freeze(task, model, head_names=head_names)
    return model


def reset_magnitudes(model: nn.Module) -> None:
    """Let DoRA's adapters begin at the weights that were loaded."""
    for layer in adapted(model):
        layer.reset_magnitude()


def merged_weights(stored: StoredCheckpoint) -> dict[str, Tensor]:
    """Return a checkpoint's weights with its adapters written into them: those of a plain model."""
    refuse_compressed(stored.manifest.facts, "train on from it or export it")
    weights = stored.weights()
    if not any(is_extra(name) for name in weights):
        return weights
    model = build_model(make_task(stored.spec(), stored.assets()))
    model.load_state_dict(weights)
    merge(model)
    return {name: tensor for name, tensor in model.state_dict().items() if not is_extra(name)}
