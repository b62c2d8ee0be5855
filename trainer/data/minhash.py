"""MinHash sketches of documents over character shingles, in native code (Broder 1997; Mining of Massive Datasets, ch. 3).

A shingle is `k` characters in a row, so Chinese needs no word breaking. Case and white space are levelled first. All
shingles of a batch are hashed in one pass over an array of code points, block by block so that it stays in the cache;
rensa's kernel takes the minima.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import rensa
from numpy.typing import NDArray

SEED = 42
_BLOCK = 1 << 14
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_MIXER = np.uint64(0xBF58476D1CE4E5B9)
_BATCH_CHARACTERS = 1 << 19


def level(text: str) -> str:
    """Return the text as it is compared: small letters, one space between words."""
    return " ".join(text.lower().split())


def sketches(texts: Sequence[str], *, num_hashes: int, shingle_characters: int) -> NDArray[np.uint32]:
    """Return one row of `num_hashes` minima for each text."""
    rows: list[NDArray[np.uint32]] = []
    batch: list[str] = []
    num_characters = 0
    for text in texts:
        batch.append(level(text) or " ")
        num_characters += len(batch[-1])
        if num_characters > _BATCH_CHARACTERS:
            rows.append(_sketch_batch(batch, num_hashes, shingle_characters))
            batch, num_characters = [], 0
    if batch:
        rows.append(_sketch_batch(batch, num_hashes, shingle_characters))
    return np.concatenate(rows) if rows else np.empty((0, num_hashes), np.uint32)


def bands(sketch: NDArray[np.uint32], *, num_bands: int, rows_per_band: int) -> NDArray[np.uint64]:
    """Return one hash for each band and document, shape (bands, documents): equal ones share the band's minima."""
    parts = sketch[:, : num_bands * rows_per_band].reshape(len(sketch), num_bands, rows_per_band).astype(np.uint64)
    hashes = np.zeros((len(sketch), num_bands), np.uint64)
    for row in range(rows_per_band):
        hashes = _mix(hashes * _MULTIPLIER + parts[:, :, row] + np.uint64(1))
    return np.ascontiguousarray(hashes.T)


def band_shape(num_hashes: int, threshold: float) -> tuple[int, int]:
    """Return (bands, rows a band): the most rows with which a pair at the threshold is still found 99 times in 100."""
    best = (num_hashes, 1)
    for rows in range(1, num_hashes + 1):
        num_bands = num_hashes // rows
        if 1 - (1 - threshold**rows) ** num_bands >= 0.99:
            best = (num_bands, rows)
    return best


def jaccard(a: str, b: str, *, shingle_characters: int) -> float:
    """Return the share of shingles that two texts have in common, exactly."""
    set_a, set_b = (np.unique(shingle_hashes([level(text) or " "], shingle_characters)[0]) for text in (a, b))
    num_common = len(np.intersect1d(set_a, set_b, assume_unique=True))
    return float(num_common / (len(set_a) + len(set_b) - num_common))


def shingle_hashes(texts: Sequence[str], k: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return the hashes of all shingles of the texts, one behind the other, and where each text's begin and end.

    The last k - 1 shingles of a text run into zeros put behind it, so that even a text shorter than k has one.
    """
    lengths = np.fromiter((len(text) for text in texts), np.int64, len(texts))
    pad = "\0" * (k - 1)
    joined = pad.join(texts) + pad
    points = np.frombuffer(joined.encode("utf-32-le", errors="replace"), dtype="<u4")
    hashes = np.empty(len(points) - k + 1, np.uint64)
    for start in range(0, len(hashes), _BLOCK):
        hashes[start : start + _BLOCK] = _hash_block(points[start : start + _BLOCK + k - 1].astype(np.uint64), k)
    starts = np.concatenate(([0], np.cumsum(lengths)))
    if k > 1:
        hashes = hashes[_inside(lengths, k - 1)[: len(hashes)]]
    return hashes, starts.astype(np.uint64)


def _hash_block(points: NDArray[np.uint64], k: int) -> NDArray[np.uint64]:
    num = len(points) - k + 1
    hashes = points[:num].copy()
    for offset in range(1, k):
        hashes *= _MULTIPLIER
        hashes += points[offset : offset + num]
    return _mix(hashes)


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    values ^= values >> np.uint64(29)
    values *= _MIXER
    values ^= values >> np.uint64(32)
    return values


def _inside(lengths: NDArray[np.int64], pad: int) -> NDArray[np.bool_]:
    """Return a mask over texts with `pad` zeros behind each: True inside the texts."""
    marks = np.empty(2 * len(lengths), np.int64)
    marks[0::2], marks[1::2] = lengths, pad
    values = np.zeros(2 * len(lengths), np.bool_)
    values[0::2] = True
    return np.repeat(values, marks)


def _sketch_batch(texts: Sequence[str], num_hashes: int, k: int) -> NDArray[np.uint32]:
    hashes, offsets = shingle_hashes(texts, k)
    matrix = rensa.RMinHash.digest_matrix_from_flat_token_hashes(hashes, offsets, num_hashes, SEED)
    return np.array(matrix.to_rows(), dtype=np.uint32)
