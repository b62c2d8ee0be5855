"""Spec of the job kind `profile`. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from trainer.errors import SpecError


@dataclass(frozen=True, kw_only=True, slots=True)
class ProfileSpec:
    """Trace some training steps of a run, from one of its checkpoints; the run itself stays as it is."""

    checkpoint: str
    """Folder of the checkpoint."""

    sha256: str = ""
    """Of its manifest; checked when given."""

    run: str = ""
    """Whose run it is, for whoever reads the job later."""

    num_steps: int = 20
    """Steps that are traced, after some to warm up."""

    device: str = "auto"
    """auto, cpu, mps or cuda."""

    def __post_init__(self) -> None:
        if not 1 <= self.num_steps <= 200:
            raise SpecError(f"num_steps is {self.num_steps}; it must be from 1 to 200")
        if not self.checkpoint:
            raise SpecError("checkpoint is empty; name the folder of a checkpoint of the run")
