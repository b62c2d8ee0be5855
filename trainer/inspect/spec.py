"""Spec of the job kind `inspect`. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from trainer.errors import SpecError


@dataclass(frozen=True, kw_only=True, slots=True)
class InspectSpec:
    """Look into a model and the prepared version that it learned from."""

    what: Literal["nearest", "overlap", "contamination"]
    """nearest: training documents that resemble a passage; overlap: how much of what it writes stands word for word in
    the training split; contamination: how much of an evaluation split does."""

    checkpoint: str
    """Folder of the checkpoint."""

    sha256: str = ""
    """Of its manifest; checked when given."""

    data_path: str = ""
    """Folder of the version it was trained on; empty: as its spec says."""

    evaluation_path: str = ""
    """contamination: folder of the version to check; empty: the one it was trained on."""

    split: Literal["validation", "test"] = "test"
    """The evaluation split: checked for contamination, and read as unseen text to compare an overlap with."""

    text: str = ""
    """nearest: the passage. Empty: the model writes one."""

    prompt: str = ""
    """nearest, overlap: what the model goes on from when it writes. Empty for overlap: the beginnings of unseen texts."""

    num_tokens: int = 200
    """nearest, overlap: tokens to write, each time."""

    num_passages: int = 16
    """overlap: how often to write."""

    ngram: int = 12
    """overlap, contamination: so many tokens in a row must be the same to count as copied."""

    num_results: int = 10
    """nearest: documents to tell, of each kind; contamination: the worst to show."""

    temperature: float = 0.8
    """How the model writes; 0: always the likeliest token."""

    seed: int = 0
    """The same seed gives the same report."""

    device: str = "auto"
    """auto, cpu, mps or cuda."""

    def __post_init__(self) -> None:
        _within("num_tokens", self.num_tokens, 8, 2_000)
        _within("num_passages", self.num_passages, 1, 500)
        _within("ngram", self.ngram, 4, 64)
        _within("num_results", self.num_results, 1, 100)
        _within("temperature", self.temperature, 0, 5)
        if len(self.text) > 50_000 or len(self.prompt) > 50_000:
            raise SpecError("text and prompt must have at most 50,000 characters each")


def _within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise SpecError(f"{name} is {value}; it must be from {low:g} to {high:g}")
