"""Compiled programs are kept between runs, and with them how long it took to have them: a shape seen before starts fast.

The programs are PyTorch's own cache, in the folder that TORCHINDUCTOR_CACHE_DIR names (`python -m trainer` sets it);
beside them lies a small file a shape. A run of a known shape pays only what its last start took, which changes whether
compiling is worth it. A process that is killed while it compiles leaves half a library, on which every later run of that
shape would fail: so each start is marked until it is over, and a mark without a process makes the next one start anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from pathlib import Path

import msgspec
import psutil
import torch
from torch._inductor.runtime.cache_dir_utils import cache_dir

from trainer.sections import MachineSpec
from trainer.spec import TrainSpec

FOLDER_NAME = "isocost-starts"
MARK = "compiling-"


def known_seconds(spec: TrainSpec, machine: MachineSpec) -> float | None:
    """Return what the first step of such a run took the last time here; None where there was none."""
    with contextlib.suppress(OSError, ValueError):
        return float(_file(spec, machine).read_text())
    return None


def begin() -> None:
    """Mark that this process compiles. Where one died while it did, drop all programs first."""
    with contextlib.suppress(OSError):
        marks = list(_folder().glob(f"{MARK}*"))
        if any(not psutil.pid_exists(int(mark.name.removeprefix(MARK))) for mark in marks):
            shutil.rmtree(cache_dir(), ignore_errors=True)
        _folder().mkdir(parents=True, exist_ok=True)
        (_folder() / f"{MARK}{os.getpid()}").touch()


def remember(spec: TrainSpec, machine: MachineSpec, *, seconds: float) -> None:
    """Note what the first step took, after `begin`; a folder that cannot be written costs nothing but the knowledge."""
    with contextlib.suppress(OSError):
        _file(spec, machine).write_text(f"{seconds:.3f}")
        (_folder() / f"{MARK}{os.getpid()}").unlink(missing_ok=True)


def _file(spec: TrainSpec, machine: MachineSpec) -> Path:
    shape = (
        spec.family,
        spec.model,
        spec.batch,
        spec.regularisation,
        spec.transfer,
        machine.dtype,
        machine.num_threads,
    )
    text = msgspec.json.encode((shape, machine.device.split(":")[0], str(torch.__version__)))
    return _folder() / hashlib.sha256(text).hexdigest()[:24]


def _folder() -> Path:
    return Path(cache_dir()) / FOLDER_NAME
