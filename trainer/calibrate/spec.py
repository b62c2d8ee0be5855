"""Spec of the job kind `calibrate`. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from trainer.errors import SpecError
from trainer.limits import check_at_least


@dataclass(frozen=True, kw_only=True, slots=True)
class CalibrateSpec:
    """Measure this machine: matrix products, memory, disk, and real training steps."""

    seconds: float = 30.0
    """About how long all measurements together may take."""

    device: str = "auto"
    """auto, cpu, mps or cuda."""

    num_threads: int = 0
    """Processor threads; 0: all cores."""

    def __post_init__(self) -> None:
        if not 0.5 <= self.seconds <= 600:
            raise SpecError(f"seconds is {self.seconds}; it must be from 0.5 to 600")
        check_at_least("num_threads", self.num_threads, 0)
