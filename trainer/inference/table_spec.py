"""Spec of the job kind `predict`: a model asked about every row of a table. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, field

from trainer.guards import GuardRule
from trainer.limits import check_at_least, check_fraction


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
        check_fraction("threshold", self.threshold)
        check_at_least("batch_size", self.batch_size, 1)
