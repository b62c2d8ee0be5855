"""Checkpoints: folders that are complete or not there, and that prove it.

    <step>/weights.safetensors      the model
    <step>/optimizer.safetensors    what the optimiser remembers; where each process held a part of the model, a folder
                                    `optimizer` of each one's part
    <step>/state.json               step, data position, random states, best so far, how the machine is used
    <step>/spec.json                what the run is
    <step>/assets/                  tokenizer and label names: the checkpoint can be used without the data
    <step>/manifest.json            size and sha256 of each of these files

A checkpoint is written under another name in the same folder, brought to the disk, and renamed: a kill at any moment
leaves either the whole folder or a `.writing-*` that nobody reads. No pickle anywhere.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from safetensors.torch import load_file, save_file
from torch import Tensor

from trainer.errors import CheckpointError, TrainerError
from trainer.failures import DISK_FULL_ADVICE
from trainer.spec import TrainSpec, decode_spec, encode_spec
from trainer.training.assets import Assets
from trainer.training.state import TrainState

FORMAT_VERSION = 1
WEIGHTS, OPTIMIZER, OPTIMIZER_PARTS, STATE, SPEC, ASSETS, MANIFEST, PINNED = (
    "weights.safetensors",
    "optimizer.safetensors",
    "optimizer",
    "state.json",
    "spec.json",
    "assets",
    "manifest.json",
    "pinned",
)
DISK_MARGIN_BYTES = 64 * 2**20


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredFile:
    size_bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckpointManifest:
    """manifest.json: what the checkpoint consists of, and how the model in it was found to be."""

    format_version: int = FORMAT_VERSION
    step: int
    family: str
    files: dict[str, StoredFile]
    machine: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, float | None] = field(default_factory=dict)

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files.values())


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    """A checkpoint that was found whole."""

    path: Path
    manifest: CheckpointManifest
    sha256: str
    """Of manifest.json."""

    def state(self) -> TrainState:
        return msgspec.json.decode((self.path / STATE).read_bytes(), type=TrainState)

    def spec(self) -> TrainSpec:
        _, spec = decode_spec((self.path / SPEC).read_bytes())
        return spec  # type: ignore[no-any-return]

    def assets(self) -> Assets:
        return Assets.load(self.path / ASSETS)

    def weights(self) -> dict[str, Tensor]:
        return load_file(self.path / WEIGHTS)

    def optimizer(self) -> dict[str, Tensor]:
        if (self.path / OPTIMIZER).exists():
            return load_file(self.path / OPTIMIZER)
        from trainer.parallel.shards import read_whole  # only such a checkpoint needs torch.distributed

        return read_whole(self.path / OPTIMIZER_PARTS)


def write_checkpoint(
    parent: Path,
    *,
    spec: TrainSpec,
    state: TrainState,
    num_bytes: int,
    write_tensors: Callable[[Path], None],
    assets: Assets,
    facts: dict[str, Any],
    metrics: dict[str, float | None],
) -> StoredCheckpoint:
    """Write `<parent>/<step>` whole or not at all, and return it verified. `write_tensors` puts weights and optimiser,
    of so many bytes, into the folder that it is given."""
    require_free_space(parent, needed_bytes=num_bytes)
    final, writing = parent / str(state.step), writing_folder(parent, state.step)
    shutil.rmtree(writing, ignore_errors=True)
    writing.mkdir(parents=True)
    try:
        write_tensors(writing)
        (writing / STATE).write_bytes(msgspec.json.encode(state))
        (writing / SPEC).write_bytes(encode_spec("train", spec))
        assets.save(writing / ASSETS)
        manifest = CheckpointManifest(
            step=state.step,
            family=spec.family,
            files=describe_files(writing),
            machine=msgspec.to_builtins(state.machine),
            facts=facts,
            metrics=metrics,
        )
        (writing / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))
        sync_tree(writing)
    except BaseException:
        shutil.rmtree(writing, ignore_errors=True)
        raise
    shutil.rmtree(final, ignore_errors=True)  # one of this step that was passed over because it is damaged
    os.replace(writing, final)
    sync_folder(parent)
    return verify_checkpoint(final)


def writing_folder(parent: Path, step: int) -> Path:
    """Return where a checkpoint is while it is written."""
    return parent / f".writing-{step}"


def save_tensors(folder: Path, *, weights: dict[str, Tensor], optimizer: dict[str, Tensor]) -> None:
    save_file(plain(weights), folder / WEIGHTS)
    save_file(plain(optimizer), folder / OPTIMIZER)


def verify_checkpoint(folder: Path, *, sha256: str = "") -> StoredCheckpoint:
    """Return the checkpoint in `folder` after hashing all its files; raise `CheckpointError` with a sentence otherwise."""
    text = read_manifest_text(folder)
    found = hashlib.sha256(text).hexdigest()
    if sha256 and found != sha256:
        raise CheckpointError(
            f"the manifest of checkpoint {folder} has changed (sha256 {found[:12]}..., not {sha256[:12]}...)"
        )
    manifest = parse_manifest(folder, text)
    for name, stored in manifest.files.items():
        path = folder / name
        size = path.stat().st_size if path.is_file() else None
        if size is None:
            raise CheckpointError(f"checkpoint {folder} is not whole: {name} is missing")
        if size != stored.size_bytes:
            raise CheckpointError(f"checkpoint {folder} is damaged: {name} has {size} bytes, not {stored.size_bytes}")
        if file_sha256(path) != stored.sha256:
            raise CheckpointError(f"checkpoint {folder} is damaged: the content of {name} does not match its sha256")
    return StoredCheckpoint(folder, manifest, found)


def first_verified(folders: Iterable[Path]) -> tuple[StoredCheckpoint | None, list[str]]:
    """Return the first checkpoint that is whole, and a sentence for each before it that was not."""
    problems: list[str] = []
    for folder in folders:
        try:
            return verify_checkpoint(folder), problems
        except CheckpointError as error:
            problems.append(str(error))
    return None, problems


def read_manifest_text(folder: Path) -> bytes:
    try:
        return (folder / MANIFEST).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise CheckpointError(f"{folder} is not a checkpoint: it has no {MANIFEST}") from None


def parse_manifest(folder: Path, text: bytes) -> CheckpointManifest:
    try:
        manifest = msgspec.json.decode(text, type=CheckpointManifest)
    except msgspec.DecodeError as error:
        raise CheckpointError(f"checkpoint {folder} is damaged: its manifest cannot be read ({error})") from error
    if manifest.format_version > FORMAT_VERSION:
        raise CheckpointError(
            f"checkpoint {folder} has format {manifest.format_version}; this trainer knows {FORMAT_VERSION}: update it"
        )
    return manifest


def require_free_space(folder: Path, *, needed_bytes: int, num_checkpoints: int = 1) -> None:
    """Raise `disk_full`, before anything is written, where so many checkpoints and a margin would not fit."""
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    free, wanted = shutil.disk_usage(existing).free, num_checkpoints * needed_bytes + DISK_MARGIN_BYTES
    if free < wanted:
        raise TrainerError(
            f"The disk of {existing} has {free / 1e6:,.0f} MB free, and checkpoints of this run need "
            f"{wanted / 1e6:,.0f} MB. {DISK_FULL_ADVICE}",
            code="disk_full",
        )


def tensor_bytes(tensors: dict[str, Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())


def plain(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors as safetensors wants them: contiguous, on the processor."""
    return {name: tensor.detach().to("cpu").contiguous() for name, tensor in tensors.items()}


def describe_files(folder: Path) -> dict[str, StoredFile]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): StoredFile(size_bytes=path.stat().st_size, sha256=file_sha256(path))
        for path in paths
    }


def file_sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync_tree(folder: Path) -> None:
    """Bring every file and folder below to the disk."""
    for path in folder.rglob("*"):
        sync_folder(path) if path.is_dir() else _sync(path, os.O_RDWR)
    sync_folder(folder)


def sync_folder(folder: Path) -> None:
    _sync(folder, os.O_RDONLY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
