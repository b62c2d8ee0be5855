"""Spec of the job kind `evaluate`. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from trainer.errors import SpecError
from trainer.limits import check_at_least


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluateSpec:
    """Measure a checkpoint on splits of a prepared dataset version."""

    checkpoint: str
    """Folder of the checkpoint."""

    sha256: str = ""
    """Of its manifest; checked when given."""

    data_path: str = ""
    """Folder of the prepared version; empty: the one that the model was trained on."""

    splits: list[Literal["train", "validation", "test"]] = field(default_factory=lambda: ["validation", "test"])
    """Which parts to measure on."""

    batch_size: int = 0
    """Sequences in one forward pass; 0: as many as in training."""

    max_batches: int = 0
    """Batches of each split, evenly chosen; 0: the whole split."""

    device: str = "auto"
    """auto, cpu, mps or cuda."""

    def __post_init__(self) -> None:
        if not self.splits:
            raise SpecError("splits is empty; name at least one of train, validation, test")
        for name in ("batch_size", "max_batches"):
            check_at_least(name, getattr(self, name), 0)
