"""Checkpoints of a model that several processes hold parts of, by torch.distributed.checkpoint, as safetensors.

Weights are written in parts and put together at once, from disk to disk, for everything that comes after reads one file.
The optimiser's state, twice as large and read by nobody else, stays in parts. Both load into any number of processes.
"""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader, HuggingFaceStorageWriter
from torch.distributed.checkpoint.metadata import TensorStorageMetadata
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict, set_model_state_dict
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save

from trainer.training.checkpoint import OPTIMIZER, OPTIMIZER_PARTS, WEIGHTS, StoredCheckpoint
from trainer.training.optimizer import Optimizer

PARTS = ".weights"
"""Where the weights' parts lie until they are put together."""


def write_parts(folder: Path, model: nn.Module, optimizer: Optimizer, *, is_first: bool) -> None:
    """Write our part of weights and optimiser state; all processes call it."""
    parts = folder / PARTS
    save(model.state_dict(), storage_writer=_writer(parts, enable_consolidation=True))
    save(optimizer.state_tensors(), storage_writer=_writer(folder / OPTIMIZER_PARTS, enable_consolidation=False))
    if is_first:
        (whole,) = parts.glob("*.safetensors")
        whole.rename(folder / WEIGHTS)
        shutil.rmtree(parts)


def load_weights(model: nn.Module, weights: dict[str, Tensor]) -> None:
    """Put whole weights into a model that is held in parts."""
    set_model_state_dict(model, dict(weights), options=StateDictOptions(full_state_dict=True))


def gathered_weights(model: nn.Module) -> dict[str, Tensor]:
    """Return the whole weights of a model that is held in parts, in memory of the first process; all call it."""
    return dict(get_model_state_dict(model, options=StateDictOptions(full_state_dict=True, cpu_offload=True)))  # type: ignore[arg-type]


def load_optimizer(optimizer: Optimizer, stored: StoredCheckpoint) -> None:
    """Read our part of an optimiser's state, whoever wrote it and in however many parts."""
    folder = stored.path if (stored.path / OPTIMIZER).exists() else stored.path / OPTIMIZER_PARTS
    targets = optimizer.empty_state({name: found for name, found in _described(folder).items() if "|" in name})
    load(targets, storage_reader=HuggingFaceStorageReader(str(folder)))
    optimizer.load_state_tensors(targets)


def read_whole(folder: Path) -> dict[str, Tensor]:
    """Return tensors that were written in parts, put together in this process alone."""
    found = {name: torch.empty(size, dtype=dtype) for name, (size, dtype) in _described(folder).items()}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="torch.distributed is disabled")  # it is not needed for that
        load(found, storage_reader=HuggingFaceStorageReader(str(folder)), no_dist=True)
    return found


def _described(folder: Path) -> dict[str, tuple[torch.Size, torch.dtype]]:
    """Return size and number format of each tensor in a folder."""
    told = HuggingFaceStorageReader(str(folder)).read_metadata().state_dict_metadata
    return {
        name: (entry.size, entry.properties.dtype)
        for name, entry in told.items()
        if isinstance(entry, TensorStorageMetadata)
    }


def _writer(folder: Path, *, enable_consolidation: bool) -> HuggingFaceStorageWriter:
    return HuggingFaceStorageWriter(str(folder), save_distributed=True, enable_consolidation=enable_consolidation)
