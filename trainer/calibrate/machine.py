"""What the machine can do at best: matrix products by number format, memory and disk bandwidth."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import torch

from trainer.calibrate.timing import median_seconds

MATRIX_WIDTH = {"cpu": 1_024, "mps": 2_048, "cuda": 8_192}
COPY_BYTES = {"cpu": 256 * 2**20, "mps": 512 * 2**20, "cuda": 4 * 2**30}
"""Far larger than any cache."""
DISK_BYTES = 64 * 2**20


def matmul_flop_per_second(dtype: torch.dtype, device: torch.device, *, budget_seconds: float) -> float:
    """Return the rate of a square matrix product: 2 n^3 FLOP each."""
    width = MATRIX_WIDTH[device.type]
    a, b = (torch.randn(width, width, device=device).to(dtype) for _ in range(2))
    out = torch.empty_like(a)
    seconds = median_seconds(lambda: torch.mm(a, b, out=out), budget_seconds=budget_seconds, device=device)
    return 2 * width**3 / seconds


def memory_bytes_per_second(device: torch.device, *, budget_seconds: float) -> float:
    """Return the rate of copying within memory; each byte is read once and written once."""
    source = torch.ones(COPY_BYTES[device.type] // 4, device=device)
    target = torch.empty_like(source)
    seconds = median_seconds(lambda: target.copy_(source), budget_seconds=budget_seconds, device=device)
    return 2 * source.numel() * 4 / seconds


def disk_write_bytes_per_second(folder: Path) -> float:
    """Return the rate of writing a file and bringing it to the disk, as a checkpoint is."""
    block = os.urandom(DISK_BYTES)
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        begin = time.perf_counter()
        file.write(block)
        file.flush()
        os.fsync(file.fileno())
        return DISK_BYTES / (time.perf_counter() - begin)


def dtypes_to_measure(device: torch.device) -> list[str]:
    """Return the number formats worth measuring here: on a processor those it has instructions for."""
    if device.type == "cuda":
        return ["float32", "bfloat16", "float16"]
    if device.type == "cpu" and torch.cpu._is_avx512_bf16_supported():
        return ["float32", "bfloat16"]
    return ["float32"]
