"""A checkpoint as a folder that others can load: weights, config, tokenizer, and a README with the lines that load it.

model.safetensors       the weights; under the names of Hugging Face transformers where it has such a model
config.json             its config for transformers, in the same case
tokenizer.json, tokenizer_config.json
isocost.json            what ours needs to load it: the spec of the run and how the weights are named
README.md
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec
import torch
from safetensors.torch import load_file, save_file

from trainer.adapt.build import merged_weights
from trainer.errors import CheckpointError, InputError
from trainer.inference.loading import LoadedModel
from trainer.inference.precision import Precision
from trainer.readme import readme_text
from trainer.spec import TrainSpec, spec_from_dict, spec_to_dict
from trainer.training.assets import Assets
from trainer.training.checkpoint import StoredCheckpoint, plain, verify_checkpoint
from trainer.training.machine import resolve_device
from trainer.training.task import Task, make_task

WEIGHTS, CONFIG, ABOUT, README = "model.safetensors", "config.json", "isocost.json", "README.md"


@dataclass(frozen=True, kw_only=True, slots=True)
class About:
    """isocost.json."""

    names: Literal["own", "transformers"]
    """Whose names the weights go by."""

    step: int
    checkpoint_sha256: str
    spec: dict[str, Any]
    metrics: dict[str, float | None]


def export_model(checkpoint: Path, folder: Path, *, name: str = "", sha256: str = "") -> Path:
    """Write the folder, whole or not at all, and return it."""
    if folder.exists():
        raise InputError(f"{folder} exists already; choose a folder that does not")
    stored = verify_checkpoint(checkpoint, sha256=sha256)
    task = make_task(stored.spec(), stored.assets())
    writing = folder.with_name(f".{folder.name}.writing")
    shutil.rmtree(writing, ignore_errors=True)
    writing.mkdir(parents=True)
    try:
        write_files(writing, stored, task, name=name or folder.name)
        os.replace(writing, folder)
    finally:
        shutil.rmtree(writing, ignore_errors=True)
    return folder


def write_files(folder: Path, stored: StoredCheckpoint, task: Task, *, name: str) -> None:
    own = merged_weights(stored)
    config, weights = task.export(own)
    save_file(plain(weights), folder / WEIGHTS, metadata={"format": "pt"})
    if config is not None:
        (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    task.assets.save(folder)
    add_chat_template(folder, getattr(task, "chat_template", None))
    about = About(
        names="own" if config is None else "transformers",
        step=stored.manifest.step,
        checkpoint_sha256=stored.sha256,
        spec=spec_to_dict("train", task.spec),
        metrics=stored.manifest.metrics,
    )
    (folder / ABOUT).write_bytes(msgspec.json.format(msgspec.json.encode(about)))
    beside = task.write_beside(lambda: loaded_with(task, own), folder)
    text = readme_text(name=name, stored=stored, task=task, has_config=config is not None)
    text += beside_text(beside)
    (folder / README).write_text(text, encoding="utf-8")


def loaded_with(task: Task, weights: dict[str, torch.Tensor]) -> torch.nn.Module:
    model = task.build_model()  # adapters were merged
    model.load_state_dict(weights)
    return model.eval()


def beside_text(lines: list[str]) -> str:
    return "\n## Beside the weights\n\n" + "".join(f"- {line}\n" for line in lines) if lines else ""


def add_chat_template(folder: Path, template: Any) -> None:
    """Write how conversations are written beside the tokenizer, where transformers looks for it."""
    if template is None:
        return
    path = folder / "tokenizer_config.json"
    config = {**json.loads(path.read_text(encoding="utf-8")), "chat_template": template.jinja}
    path.write_text(json.dumps(config, indent=1, ensure_ascii=False), encoding="utf-8")


def load_exported(folder: Path, *, device: str = "cpu") -> tuple[Task, torch.nn.Module]:
    """Return the task and the model of an exported folder."""
    if not (folder / ABOUT).is_file():
        raise CheckpointError(f"{folder} is not an exported model: it has no {ABOUT}")
    about = msgspec.json.decode((folder / ABOUT).read_bytes(), type=About)
    _, spec = spec_from_dict(about.spec)
    assert isinstance(spec, TrainSpec)
    task = make_task(spec, Assets.load(folder))
    model = task.build_model()  # adapters were merged when it was written
    weights = load_file(folder / WEIGHTS)
    model.load_state_dict(task.import_weights(weights) if about.names == "transformers" else weights)
    chosen, _ = resolve_device(device)
    return task, model.to(chosen).eval()


def load_any(folder: Path, *, device: str = "auto", precision: Precision = "auto") -> LoadedModel:
    """Return the model of a checkpoint, of a job folder, or of an exported folder."""
    from trainer.inference.find import find_checkpoint
    from trainer.inference.loading import load_model

    if not (folder / ABOUT).is_file():
        return load_model(find_checkpoint(folder), device=device, precision=precision)
    task, model = load_exported(folder, device=device)
    return LoadedModel(task=task, model=model, device=next(model.parameters()).device, precision=precision)
