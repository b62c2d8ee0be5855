"""Bytes that a parameter costs while it is trained: its weight, its gradient and what the optimizer keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Precision = Literal["fp32", "tf32", "bf16", "fp8"]
Optimizer = Literal["adamw", "adamw-8bit", "muon", "sgd-momentum", "sgd"]

_MOMENT_BYTES: dict[str, float] = {"adamw": 8.0, "adamw-8bit": 2.0, "muon": 4.0, "sgd-momentum": 4.0, "sgd": 0.0}


@dataclass(frozen=True, kw_only=True, slots=True)
class StateBytes:
    """Bytes per parameter."""

    weights: float
    gradients: float
    optimizer: float

    @property
    def total(self) -> float:
        """The sum."""
        return self.weights + self.gradients + self.optimizer


def state_bytes_per_parameter(
    *, precision: Precision, optimizer: Optimizer = "adamw", zero: int = 0, in_matrix: bool = True
) -> StateBytes:
    """Return the bytes of weight, gradient and optimizer state of one parameter, before any division.

    In fp32 (and tf32, which only changes the products): 4 + 4 + moments. In bf16 and fp8 the weights that
    compute are 2 bytes, gradients are summed in fp32 (4) and the optimizer keeps an fp32 master copy (4) beside its
    moments: 18 bytes with AdamW. Fully divided weights (`zero=3`) are themselves fp32 and serve as the master: 4 +
    4 + 8 = 16, and the bf16 copies exist only while a layer computes (counted elsewhere, as gathered weights).

    AdamW keeps two fp32 moments, its 8-bit form two of one byte, Muon one for matrices inside the layers and
    AdamW's two for everything else (`in_matrix=False`), SGD one or none.

    >>> state_bytes_per_parameter(precision="bf16").total, state_bytes_per_parameter(precision="fp32").total
    (18.0, 16.0)
    >>> state_bytes_per_parameter(precision="bf16", optimizer="muon", zero=3).total
    12.0
    """
    moments = 8.0 if optimizer == "muon" and not in_matrix else _MOMENT_BYTES[optimizer]
    if precision in ("fp32", "tf32") or zero == 3:
        return StateBytes(weights=4.0, gradients=4.0, optimizer=moments)
    return StateBytes(weights=2.0, gradients=4.0, optimizer=moments + 4.0)


def compute_bytes(precision: Precision) -> float:
    """Return the bytes of one activation: 4 in fp32 and tf32, 2 in bf16; fp8 quantises inside products only.

    >>> compute_bytes("fp8")
    2.0
    """
    return 4.0 if precision in ("fp32", "tf32") else 2.0
