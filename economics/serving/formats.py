"""Number formats of weights and caches, in the bytes they truly take."""

from __future__ import annotations

from typing import Literal

from economics.hardware import Accelerator, Number

WeightFormat = Literal["bf16", "fp8", "int8", "int4", "int4-g64", "int4-g128", "fp4"]
KVFormat = Literal["bf16", "fp8"]

_BITS: dict[str, float] = {
    "bf16": 16.0,
    "fp8": 8.0,
    "int8": 8.0 + 16.0 / 4096,  # one scale per output channel
    "int4": 4.0 + 16.0 / 32 + 16.0 / 32,  # a scale and a zero per group of 32
    "int4-g64": 4.0 + 16.0 / 64 + 16.0 / 64,
    "int4-g128": 4.0 + 16.0 / 128 + 16.0 / 128,
    "fp4": 4.0 + 8.0 / 16,  # an fp8 scale per group of 16
}


def weight_bits(weights: WeightFormat) -> float:
    """Return the bits that one weight takes with its share of scales and zeros.

    int4 in groups of 32, each with a scale and a zero of 16 bits, reads 5 bits, in groups of 128 4.25; fp4 in groups of
    16 with a scale of 8 bits reads 4.5.

    >>> weight_bits("int4"), weight_bits("int4-g128"), weight_bits("fp4")
    (5.0, 4.25, 4.5)
    """
    return _BITS[weights]


def kv_bytes(kv: KVFormat) -> float:
    """Return the bytes of one cached value.

    >>> kv_bytes("fp8")
    1.0
    """
    return 1.0 if kv == "fp8" else 2.0


def computing_number(weights: WeightFormat, accelerator: Accelerator) -> Number:
    """Return the format products run in: fp8 and fp4 natively where the device has them, else bf16.

    Weights of 4 and 8 bit integers are unpacked to bf16 (weight-only quantisation), as are fp8 and fp4 where the device has
    no such products: they still save bytes.

    >>> from economics.catalogue.accelerators import find_accelerator
    >>> computing_number("fp8", find_accelerator("h100")), computing_number("fp8", find_accelerator("a100"))
    ('fp8', 'bf16')
    """
    if weights == "fp4" and accelerator.fp4_flop_per_second:
        return "fp4"
    if weights == "fp8" and accelerator.fp8_flop_per_second:
        return "fp8"
    return "bf16"


def needs_unpacking(weights: WeightFormat, accelerator: Accelerator) -> bool:
    """Say whether weights must be unpacked before the matrix units take them."""
    if weights == "bf16":
        return False
    if weights in ("fp8", "fp4"):
        return computing_number(weights, accelerator) == "bf16"
    return True
