"""In which numbers a model writes. Its own weights stay as they are; those that generation reads are a copy."""

from __future__ import annotations

from typing import Literal

import torch

from trainer.inference.projection import has_packed_product
from trainer.training.machine import DTYPES, choose_dtype

Precision = Literal["auto", "float32", "bfloat16", "float16"]
HALVES_FROM_PARAMETERS = 20_000_000
"""On a processor. Smaller models lie in its caches: fewer bytes a weight save no time there, and float32 writes exactly
what the model itself foretells."""


def writing_dtype(precision: Precision, device: torch.device, num_parameters: int) -> torch.dtype:
    """Return the numbers to write in: bfloat16 where memory limits the speed and the device multiplies it."""
    if precision != "auto":
        return DTYPES[precision]
    if device.type == "cpu" and (num_parameters < HALVES_FROM_PARAMETERS or not has_packed_product(torch.bfloat16)):
        return torch.float32
    return DTYPES[choose_dtype(str(device), num_parameters)[0]]
