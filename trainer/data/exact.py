"""Fourth step: documents that are the same to the last character, by a 128-bit hash of the cleaned text.

Hashes are sorted in parts of at most a million documents, told apart by their first bits, so that memory stays flat.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trainer.data.spool import Spool

PART_DOCUMENTS = 1 << 20


def first_of_equals(spool: Spool) -> NDArray[np.int32]:
    """Return for each document the first one that has the same text: itself, when there is none before it."""
    first = np.arange(spool.num_documents, dtype=np.int32)
    num_parts = spool.num_documents // PART_DOCUMENTS + 1
    for part in range(num_parts):
        numbers, high, low = _hashes_of_part(spool, part, num_parts)
        if not len(numbers):
            continue
        order = np.lexsort((numbers, low, high))
        same = (high[order][1:] == high[order][:-1]) & (low[order][1:] == low[order][:-1])
        heads = np.flatnonzero(np.concatenate(([True], ~same)))
        sizes = np.diff(np.concatenate((heads, [len(order)])))
        first[numbers[order]] = np.repeat(numbers[order][heads], sizes)
    return first


def _hashes_of_part(
    spool: Spool, part: int, num_parts: int
) -> tuple[NDArray[np.int32], NDArray[np.uint64], NDArray[np.uint64]]:
    numbers: list[NDArray[np.int32]] = []
    high: list[NDArray[np.uint64]] = []
    low: list[NDArray[np.uint64]] = []
    for start, records in spool.windows():
        chosen = records["hash_high"] % np.uint64(num_parts) == part
        numbers.append((start + np.flatnonzero(chosen)).astype(np.int32))
        high.append(records["hash_high"][chosen])
        low.append(records["hash_low"][chosen])
    if not numbers:
        return np.empty(0, np.int32), np.empty(0, np.uint64), np.empty(0, np.uint64)
    return np.concatenate(numbers), np.concatenate(high), np.concatenate(low)
