"""Spec of the job kind `predict`: a model asked about every row of a table. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, field

from trainer.errors import SpecError
from trainer.guards import GuardRule


@dataclass(frozen=True, kw_only=True, slots=True)
class PredictSpec:
    """Ask a model about each row of a CSV, TSV, JSONL or Parquet file; the answers are a CSV with the rows' own columns."""

    checkpoint: str
    """Folder of the checkpoint."""

    sha256: str = ""
    """Of its manifest; checked when given."""

    table: str
    """The file."""

    table_name: str = ""
    """Name that the user gave it; its ending tells the format. Empty: that of the file."""

    text_column: str = ""
    """Column with the text. Empty: detected."""

    threshold: float = 0.5
    """Labels from this probability on are named, where a text may have any number of them."""

    batch_size: int = 64
    """Texts in one forward pass."""

    device: str = "auto"
    """auto, cpu, mps or cuda."""

    guards: list[GuardRule] = field(default_factory=list)
    """Checks of the texts that are read and of what is told of them."""

    def __post_init__(self) -> None:
        if not 0 <= self.threshold <= 1:
            raise SpecError(f"threshold is {self.threshold}; it must be a fraction from 0 to 1")
        if self.batch_size < 1:
            raise SpecError(f"batch_size is {self.batch_size}; it must be at least 1")
