"""How long single operations take on a device.

Three kinds, each with its own bound. A matrix product is bound by arithmetic if it is large, by memory if one of its sides is
narrow, and by both in between. Fused attention multiplies too, but its softmax keeps the matrix units waiting. Everything else
(norms, activations, the optimizer) streams through memory.

No operation reaches the peak of a data sheet: products are held against what large ones measured (`ceiling`), less what
ordinary shapes, real data and clocks under load take; copies against a share of the rated bandwidth. Units: seconds, FLOP,
bytes. Left out: the time to start a kernel (`throughput.step` adds what the device waits for its host), and which kernel a
library picks for a shape.

Source: Williams et al. 2009, "Roofline"; shares fitted to training throughputs (`constants`).

A product of 4,096 x 4,096 weights, by rows; under about 240 rows an H100 waits for the weights:

>>> from economics.catalogue.accelerators import find_accelerator
>>> h100 = find_accelerator("h100")
>>> for rows in (1, 64, 4096):
...     seconds = matmul_seconds(h100, rows, 4096, 4096)
...     print(rows, round(2 * rows * 4096**2 / seconds / 1e12))
1 3
64 162
4096 552
"""

from __future__ import annotations

from economics.assumptions import MEMORY_FRACTION
from economics.constants import (
    ATTENTION_EXPONENT,
    ATTENTION_FRACTION,
    MATMUL_FRACTION,
    OVERLAP_EXPONENT,
    SPEED_EXPONENT,
    TUNED_ATTENTION_FRACTION,
)
from economics.hardware import Accelerator, Number

_BYTES: dict[str, float] = {"fp32": 4.0, "tf32": 4.0, "bf16": 2.0, "fp8": 1.0, "int8": 1.0, "fp4": 0.5}


def streaming_bytes_per_second(accelerator: Accelerator) -> float:
    """Return what long copies reach of the memory's bandwidth.

    >>> from economics.catalogue.accelerators import find_accelerator
    >>> streaming_bytes_per_second(find_accelerator("a100")) < 2.039e12
    True
    """
    return accelerator.memory_bytes_per_second * MEMORY_FRACTION.value


def sustained_fraction(accelerator: Accelerator) -> float:
    """Return the share of its measured ceiling that a device sustains on ordinary products in training.

    Ceilings come from the best shape for some seconds; training runs all shapes for weeks at the power limit. The
    faster the device, the less of its ceiling it keeps, by a fitted power of the ceiling. A device whose peak is named
    at the clock that it keeps under load (`steady_clock`) loses nothing to power.

    >>> from economics.catalogue.accelerators import find_accelerator
    >>> a100, h100 = find_accelerator("a100"), find_accelerator("h100")
    >>> 1.0 >= sustained_fraction(a100) > sustained_fraction(h100) > 0.6
    True
    """
    if accelerator.steady_clock:
        return MATMUL_FRACTION.value
    ceiling = max(1e12, accelerator.ceiling("bf16"))
    return min(0.97, MATMUL_FRACTION.value * float((ceiling / 1e14) ** -SPEED_EXPONENT.value))


def matmul_seconds(
    accelerator: Accelerator,
    rows: float,
    inner: float,
    columns: float,
    *,
    number: Number = "bf16",
    out_bytes: float = 2.0,
    moved_bytes: float | None = None,
) -> float:
    """Return the time of one matrix product (rows x inner) (inner x columns).

    2 m k n FLOP at the measured ceiling for large products, less what ordinary shapes and data lose on the way, and
    the bytes of the three matrices at streaming rate. The two overlap in part: (tc^x + tm^x)^(1/x), between adding
    them (x = 1) and taking the larger (x large). A product with one side under C/BW (135 on an A100, 240 on an
    H100) is bound by memory, one of the same order loses much, a large one little. `moved_bytes` says what is moved
    where it is not the three matrices (a convolution reads each input once, not once per position of its kernel).

    >>> from economics.catalogue.accelerators import find_accelerator
    >>> a100 = find_accelerator("a100")
    >>> flop = 2 * 8192 * 4096 * 4096
    >>> 0.6 < flop / matmul_seconds(a100, 8192, 4096, 4096) / 312e12 < 0.87
    True
    """
    flop = 2.0 * rows * inner * columns
    size = _BYTES[number]
    moved = size * (rows * inner + inner * columns) + out_bytes * rows * columns
    if moved_bytes is not None:
        moved = moved_bytes
    computing = flop / (accelerator.ceiling(number) * sustained_fraction(accelerator))
    moving = moved / streaming_bytes_per_second(accelerator)
    x = OVERLAP_EXPONENT.value
    return float((computing**x + moving**x) ** (1.0 / x))


def copy_seconds(accelerator: Accelerator, num_bytes: float) -> float:
    """Return the time to stream bytes through an operation bound by memory.

    >>> from economics.catalogue.accelerators import find_accelerator
    >>> copy_seconds(find_accelerator("a100"), 0)
    0.0
    """
    return num_bytes / streaming_bytes_per_second(accelerator)


def attention_seconds(
    accelerator: Accelerator, flop: float, *, head_width: int = 128, number: Number = "bf16", tuned: bool = False
) -> float:
    """Return the time of fused attention for `flop` floating point operations of its two products.

    Softmax between the products runs on vector units while the matrix units wait, so attention stays well under
    the ceiling; narrow heads give the matrix units less to do per exponential. Kernels carried over from one generation
    of devices to the next feed the new matrix units in the old way, and exponentials grow more slowly than products:
    above 100 TFLOP/s the share falls by a fitted power of the ceiling. Kernels written for the device (`tuned`) work on
    the products of one block behind the softmax of another and keep their share.

    >>> from economics.catalogue.accelerators import find_accelerator
    >>> a100 = find_accelerator("a100")
    >>> attention_seconds(a100, 1e12, head_width=64) > attention_seconds(a100, 1e12)
    True
    """
    if flop == 0:
        return 0.0
    precise: Number = number if number in ("fp32", "tf32") else "bf16"
    width = min(1.0, float((head_width / 128.0) ** 0.35))
    ceiling = accelerator.ceiling(precise)
    share = ATTENTION_FRACTION.value * min(1.0, float((ceiling / 1e14) ** -ATTENTION_EXPONENT.value))
    if tuned:
        share = max(share, TUNED_ATTENTION_FRACTION.value)
    return flop / (ceiling * share * width)
