"""Spec of the job kind `recommend`: what to recommend to every user. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from trainer.errors import SpecError
from trainer.limits import check_at_least

MAX_PLACES = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class RecommendSpec:
    """Rank the catalogue for every user of the data, from all that is known of them, and write the first places."""

    checkpoint: str
    """Folder of the checkpoint."""

    sha256: str = ""
    """Of its manifest; checked when given."""

    data_path: str = ""
    """Prepared version with the users. Empty: the one that the model learnt from."""

    places: int = 10
    """Items for each user."""

    form: Literal["csv", "parquet"] = "csv"
    """Form of the file."""

    batch_size: int = 256
    """Users at once."""

    device: str = "auto"
    """auto, cpu, mps or cuda."""

    def __post_init__(self) -> None:
        if not 1 <= self.places <= MAX_PLACES:
            raise SpecError(f"places is {self.places}; it must be from 1 to {MAX_PLACES:,}")
        check_at_least("batch_size", self.batch_size, 1)
