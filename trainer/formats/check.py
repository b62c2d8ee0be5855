"""How far what a written model says lies from what the original says on the same inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from trainer.errors import TrainerError


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """What was run, on what, and how far the answers lay apart."""

    runner: str
    """What ran the written model: `onnxruntime 1.32.0`; empty where nobody else has such a model."""

    compared: str
    """What was compared: `logits of 3 inputs`."""

    num_values: int
    largest_difference: float
    """Largest absolute difference of two numbers that should be the same."""

    tolerance: float
    """Largest difference with which it counts as the same model."""

    same_first_fraction: float
    """Share of rows whose largest number stands at the same place: the same answer."""

    @property
    def agrees(self) -> bool:
        return self.largest_difference <= self.tolerance

    def as_report(self) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.to_builtins(self)
        return {**found, "agrees": self.agrees}


def compare(
    ours: list[NDArray[Any]], theirs: list[NDArray[Any]], *, runner: str, compared: str, tolerance: float
) -> Check:
    """Return the check of arrays that should be the same, pair by pair (..., C)."""
    assert [a.shape for a in ours] == [a.shape for a in theirs], "the answers have other shapes"
    differences = [np.abs(a.astype(np.float64) - b.astype(np.float64)) for a, b in zip(ours, theirs, strict=True)]
    firsts = [(a.argmax(-1) == b.argmax(-1)).ravel() for a, b in zip(ours, theirs, strict=True)]
    largest = max(float(np.nan_to_num(each, nan=np.inf).max(initial=0)) for each in differences)
    return Check(
        runner=runner,
        compared=compared,
        num_values=sum(a.size for a in ours),
        largest_difference=largest,
        tolerance=tolerance,
        same_first_fraction=float(np.concatenate(firsts).mean()),
    )


def require_agreement(check: Check) -> None:
    """Raise `TrainerError` where the written model is another than the original: it is not handed out."""
    if not check.agrees:
        raise TrainerError(
            f"{check.runner} gives other answers than the original: they differ by up to {check.largest_difference:.3g}, "
            f"and {check.tolerance:g} is allowed. The file is not offered; export it in another format, or with wider "
            f"numbers.",
            code="export_differs",
        )
