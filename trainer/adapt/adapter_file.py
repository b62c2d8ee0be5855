"""An adapter as a folder of its own: small, and good for exactly the weights that it was trained beside.

adapter.safetensors     the small matrices, and what the base does not have: the head, a pooler, rows of new tokens
adapter.json            the settings, and the sha256 of each tensor of the base
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from trainer.adapt.adapters import is_extra, merge
from trainer.adapt.build import build_model
from trainer.adapt.source import Source, read_source
from trainer.adapt.start import fit_rows, own_names
from trainer.errors import CheckpointError, InputError
from trainer.sections import TransferSpec
from trainer.spec import TrainSpec, spec_from_dict, spec_to_dict
from trainer.training.assets import Assets
from trainer.training.checkpoint import plain, verify_checkpoint
from trainer.training.task import Task, make_task

ABOUT, WEIGHTS = "adapter.json", "adapter.safetensors"


@dataclass(frozen=True, kw_only=True, slots=True)
class AboutAdapter:
    """adapter.json."""

    spec: dict[str, Any]
    base: dict[str, str]
    """Name of each tensor of the base -> its sha256."""

    checkpoint_sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Adapted:
    """A base with an adapter written into it."""

    spec: TrainSpec
    assets: Assets
    weights: dict[str, Tensor]


def extract_adapter(checkpoint: Path, folder: Path) -> Path:
    """Write the adapter of a checkpoint to a folder and return it."""
    if folder.exists():
        raise InputError(f"{folder} exists already; choose a folder that does not")
    stored = verify_checkpoint(checkpoint)
    spec, weights = stored.spec(), stored.weights()
    if spec.transfer.adapter == "none":
        raise InputError(f"{checkpoint} has no adapter: its run had transfer.adapter none")
    task = make_task(spec, stored.assets())
    model = build_model(task)
    learnt = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    own = learnt | names_beside_base(task, model, weights)
    folder.mkdir(parents=True)
    save_file(plain({name: weights[name] for name in sorted(own)}), folder / WEIGHTS)
    stored.assets().save(folder)
    about = AboutAdapter(
        spec=spec_to_dict("train", spec),
        base={name: tensor_sha256(tensor) for name, tensor in sorted(weights.items()) if name not in own},
        checkpoint_sha256=stored.sha256,
    )
    (folder / ABOUT).write_bytes(msgspec.json.format(msgspec.json.encode(about)))
    return folder


def names_beside_base(task: Task, model: nn.Module, weights: dict[str, Tensor]) -> set[str]:
    """Return the weights that the run did not take from its base as they are; the base's folder may be gone by now."""
    path = Path(task.spec.transfer.source)
    if not path.exists():
        return {name for name in weights if name.startswith("pooler.")}
    base = base_weights(task, model, read_source(path))
    return {name for name, tensor in weights.items() if name not in base or not torch.equal(base[name], tensor)}


def base_weights(task: Task, model: nn.Module, source: Source) -> dict[str, Tensor]:
    """Return the weights of a base in the names, rows and number format of the model."""
    adopted = task.adopt(own_names(task, source), family=source.family)
    own = model.state_dict()
    return {name: tensor.to(own[name]) for name, tensor in fit_rows(adopted, model, task.head_names(model)).items()}


def load_adapter(base: Path, folder: Path) -> Adapted:
    """Return the base with the adapter written into it; raise `CheckpointError` with the reason for another base."""
    about = read_about(folder)
    _, spec = spec_from_dict(about.spec)
    assert isinstance(spec, TrainSpec)
    learnt, assets = load_file(folder / WEIGHTS), Assets.load(folder)
    task = make_task(spec, assets)
    model = build_model(task)
    theirs = base_weights(task, model, read_source(base))
    require_base(about, theirs, base=base, folder=folder)
    model.load_state_dict({**{name: tensor for name, tensor in theirs.items() if name in about.base}, **learnt})
    merge(model)
    weights = {name: tensor for name, tensor in model.state_dict().items() if not is_extra(name)}
    return Adapted(spec=replace(spec, transfer=TransferSpec()), assets=assets, weights=weights)


def require_base(about: AboutAdapter, weights: dict[str, Tensor], *, base: Path, folder: Path) -> None:
    """Compare the base, tensor by tensor, with the one that the adapter was trained beside."""
    for name, sha256 in about.base.items():
        if name not in weights:
            raise CheckpointError(f"the adapter {folder} does not fit {base}: that model has no {name}")
        if tensor_sha256(weights[name]) != sha256:
            raise CheckpointError(
                f"the adapter {folder} was trained beside other weights than those of {base}: {name} differs; "
                "merged here it would do something that nobody measured"
            )


def read_about(folder: Path) -> AboutAdapter:
    try:
        return msgspec.json.decode((folder / ABOUT).read_bytes(), type=AboutAdapter)
    except FileNotFoundError:
        raise InputError(f"{folder} holds no adapter: it has no {ABOUT}") from None
    except msgspec.MsgspecError as error:
        raise CheckpointError(f"{folder / ABOUT} cannot be read: {error}") from error


def tensor_sha256(tensor: Tensor) -> str:
    head = f"{tensor.dtype} {tuple(tensor.shape)}\n".encode()
    return hashlib.sha256(head + tensor.detach().cpu().contiguous().numpy().tobytes()).hexdigest()


def write_merged(base: Path, adapter: Path, folder: Path) -> Path:
    """Write the base with the adapter in it as an exported model, and return its folder."""
    from trainer.export import ABOUT as EXPORT_ABOUT
    from trainer.export import WEIGHTS as EXPORT_WEIGHTS
    from trainer.export import About

    if folder.exists():
        raise InputError(f"{folder} exists already; choose a folder that does not")
    found = load_adapter(base, adapter)
    about = About(
        names="own",
        step=0,
        checkpoint_sha256=read_about(adapter).checkpoint_sha256,
        spec=spec_to_dict("train", found.spec),
        metrics={},
    )
    folder.mkdir(parents=True)
    save_file(plain(found.weights), folder / EXPORT_WEIGHTS, metadata={"format": "pt"})
    found.assets.save(folder)
    (folder / EXPORT_ABOUT).write_bytes(msgspec.json.format(msgspec.json.encode(about)))
    return folder
