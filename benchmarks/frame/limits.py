"""What the machine can do at best: measured in the same run as those who are held against it.

    python -m benchmarks.frame.limits        all of them, a JSON line each

Each is a process of its own, like a contender, so that no library's threads or settings leak into another's round.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.frame.child import serve

MATRIX_WIDTH = 2_048
READ_BYTES = 1 << 29
SECONDS = 0.6


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A rate that nobody can beat, and how much of it one unit of a bench's value takes."""

    name: str
    """A key of `LIMITS`."""

    work_per_unit: float
    """FLOP or bytes for one token, document, picture."""


def best_rate(work: Callable[[], Any], amount: float) -> float:
    """Return the best rate of some tries: other processes only ever slow one down."""
    work()
    best, end = 0.0, time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        begin = time.perf_counter()
        work()
        best = max(best, amount / (time.perf_counter() - begin))
    return best


def matmul_mkl_float32() -> float:
    """FLOP/s of torch.mm, which is MKL's or OpenBLAS's in float32."""
    import torch

    a, b = torch.randn(MATRIX_WIDTH, MATRIX_WIDTH), torch.randn(MATRIX_WIDTH, MATRIX_WIDTH)
    return best_rate(lambda: torch.mm(a, b), 2 * MATRIX_WIDTH**3)


def matmul_onednn_float32() -> float:
    """FLOP/s of oneDNN's product in float32."""
    import torch

    a, b = torch.randn(MATRIX_WIDTH, MATRIX_WIDTH), torch.randn(MATRIX_WIDTH, MATRIX_WIDTH)
    product = torch.ops.mkldnn._linear_pointwise
    return best_rate(lambda: product(a, b, None, "none", [], ""), 2 * MATRIX_WIDTH**3)


def matmul_bfloat16() -> float:
    """FLOP/s of torch.mm in bfloat16, which is oneDNN's."""
    import torch

    a, b = (torch.randn(MATRIX_WIDTH, MATRIX_WIDTH).bfloat16() for _ in range(2))
    return best_rate(lambda: torch.mm(a, b), 2 * MATRIX_WIDTH**3)


def memory_read() -> float:
    """Bytes/s read from memory, far more than any cache holds."""
    import torch

    numbers = torch.ones(READ_BYTES // 4)
    return best_rate(numbers.sum, READ_BYTES)


def memory_copy() -> float:
    """Bytes/s of a copy within memory; each byte is read once and written once."""
    import torch

    source = torch.ones(READ_BYTES // 4)
    target = torch.empty_like(source)
    return best_rate(lambda: target.copy_(source), 2 * READ_BYTES)


LIMITS: dict[str, Callable[[], float]] = {
    "matmul float32, MKL": matmul_mkl_float32,
    "matmul float32, oneDNN": matmul_onednn_float32,
    "matmul bfloat16, oneDNN": matmul_bfloat16,
    "memory read": memory_read,
    "memory copy": memory_copy,
}
LIMIT_UNIT = {name: "FLOP/s" if name.startswith("matmul") else "bytes/s" for name in LIMITS}


def prepare(arguments: dict[str, Any]) -> Callable[[], float]:
    return LIMITS[arguments["name"]]


if __name__ == "__main__":
    import sys

    if len(sys.argv) > 1:
        serve(prepare)
    else:
        for limit_name, measure in LIMITS.items():
            print(json.dumps({"limit": limit_name, "value": round(measure()), "unit": LIMIT_UNIT[limit_name]}))
