"""How long the documents of a prepared version are, read from some of them where it lies."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from trainer.data.parts.store import PartsSplit
from trainer.data.shards import TokenSplit, open_version
from trainer.errors import TrainerError

MOST_READ = 2_000
"""Documents, evenly spread over the split: enough for a mean and for the longest of a batch."""


@lru_cache(maxsize=256)
def part_lengths(path: Path, content_hash: str) -> dict[str, list[int]]:
    """Return the tokens of documents, or of each part by its role; empty where there are no tokens, or no files (yet)."""
    if not content_hash:
        return {}
    try:
        split = open_version(path).open_split("train")
        return _lengths(split) if isinstance(split, TokenSplit) and split.num_documents else {}
    except (TrainerError, OSError):
        return {}


def _lengths(split: TokenSplit) -> dict[str, list[int]]:
    numbers = np.unique(np.linspace(0, split.num_documents - 1, MOST_READ).astype(np.int64))
    if not isinstance(split, PartsSplit):
        starts = split.document_starts
        return {"document": (starts[numbers + 1] - starts[numbers] - 1).tolist()}
    found: dict[str, list[int]] = {}
    for number in numbers.tolist():
        for part in split.parts(number):
            found.setdefault(part.role, []).append(len(part.tokens))
    return found
