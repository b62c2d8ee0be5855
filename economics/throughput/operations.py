"""How long single operations take on a device."""

from __future__ import annotations

from economics.constants import ATTENTION_FRACTION, MATMUL_FRACTION, MEMORY_FRACTION
from economics.hardware import Accelerator, Number

_BYTES: dict[str, float] = {"fp32": 4.0, "tf32": 4.0, "bf16": 2.0, "fp8": 1.0, "int8": 1.0, "fp4": 0.5}


def streaming_bytes_per_second(accelerator: Accelerator) -> float:
    """Return what long copies reach of the memory's bandwidth.

    >>> from economics.catalogue.accelerators import find_accelerator
    >>> streaming_bytes_per_second(find_accelerator("a100")) < 2.039e12
    True
    """
    return accelerator.memory_bytes_per_second * MEMORY_FRACTION.value


def matmul_seconds(
    accelerator: Accelerator, rows: float, inner: float, columns: float, *, number: Number = "bf16", out_bytes: float = 2.0
) -> float:
    """Return the time of one matrix product (rows x inner) (inner x columns).

    2 m k n FLOP at the measured ceiling for large products, less what ordinary shapes and data lose on the way,
    plus the bytes of the three matrices at streaming rate. Adding instead of taking the larger of the two is
    what tile and wave losses look like from outside: a product with one side under C/BW (135 on an A100, 240 on an
    H100) is bound by memory, one of the same order loses in proportion, a large one nothing.

    >>> from economics.catalogue.accelerators import find_accelerator
    >>> a100 = find_accelerator("a100")
    >>> flop = 2 * 8192 * 4096 * 4096
    >>> 0.6 < flop / matmul_seconds(a100, 8192, 4096, 4096) / 312e12 < 0.87
    True
    """
    flop = 2.0 * rows * inner * columns
    size = _BYTES[number]
    moved = size * (rows * inner + inner * columns) + out_bytes * rows * columns
    return flop / (accelerator.ceiling(number) * MATMUL_FRACTION.value) + moved / streaming_bytes_per_second(accelerator)


def copy_seconds(accelerator: Accelerator, num_bytes: float) -> float:
    """Return the time to stream bytes through an operation bound by memory.

    >>> from economics.catalogue.accelerators import find_accelerator
    >>> copy_seconds(find_accelerator("a100"), 0)
    0.0
    """
    return num_bytes / streaming_bytes_per_second(accelerator)


def attention_seconds(accelerator: Accelerator, flop: float, *, head_width: int = 128, number: Number = "bf16") -> float:
    """Return the time of fused attention for `flop` floating point operations of its two products.

    Softmax between the products runs on vector units while the matrix units wait, so attention stays well under
    the ceiling; narrow heads give the matrix units less to do per exponential.

    >>> from economics.catalogue.accelerators import find_accelerator
    >>> a100 = find_accelerator("a100")
    >>> attention_seconds(a100, 1e12, head_width=64) > attention_seconds(a100, 1e12)
    True
    """
    if flop == 0:
        return 0.0
    precise: Number = number if number in ("fp32", "tf32") else "bf16"
    width = min(1.0, (head_width / 128.0) ** 0.35)
    return flop / (accelerator.ceiling(precise) * ATTENTION_FRACTION.value * width)
