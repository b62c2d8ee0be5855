"""Spec of the job kind `compress`, and the methods there are. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from trainer.errors import SpecError
from trainer.limits import check_at_least

Method = Literal["int8", "int4", "int8_dynamic", "trained"]


@dataclass(frozen=True, kw_only=True, slots=True)
class MethodAbout:
    """A method, as people choose it."""

    title: str
    summary: str


TRAINED: Method = "trained"
"""The smaller form is there already: a run pruned the model or taught another one. It is only measured."""

METHODS: dict[Method, MethodAbout] = {
    "int8": MethodAbout(
        title="int8 weights",
        summary="Each matrix in 8 bits with a scale a row: a quarter of the size, almost the same answers.",
    ),
    "int4": MethodAbout(
        title="int4 weights",
        summary="Each matrix in 4 bits with a scale for every 32 weights: an eighth of the size; the answers change a little.",
    ),
    "int8_dynamic": MethodAbout(
        title="int8, dynamic",
        summary="Weights in 8 bits, and what flows through them too, scaled anew each time: for long inputs and batches.",
    ),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class CompressSpec:
    """Write a checkpoint in fewer bits, and measure both on the same data and machine."""

    checkpoint: str
    """Folder of the checkpoint."""

    sha256: str = ""
    """Of its manifest; checked when given."""

    method: Method = "int8"
    """int8, int4 or int8_dynamic; trained: nothing is made, and `smaller` is measured."""

    smaller: str = ""
    """trained only: folder of the smaller form's checkpoint."""

    smaller_sha256: str = ""
    """Of its manifest; checked when given."""

    data_path: str = ""
    """Folder of the prepared version to measure on; empty: the one that the model was trained on."""

    split: Literal["validation", "test"] = "test"
    """Which part of it to measure on."""

    max_batches: int = 0
    """Batches of it, evenly chosen; 0: the whole split."""

    def __post_init__(self) -> None:
        if (self.method == TRAINED) != bool(self.smaller):
            raise SpecError(
                "smaller names the form that is measured with method trained, and with no other: set both or none"
            )
        check_at_least("max_batches", self.max_batches, 0)
