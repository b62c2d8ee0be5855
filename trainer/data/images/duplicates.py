"""Pictures that are the same or nearly: bands of the difference hash find candidates, small copies decide.

Two hashes of 64 bits that differ in at most k bits agree in one of k + 1 bands: only pictures that share a band are
compared, so that the work grows with the number of likely pairs and not with the square of the pictures.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from trainer.data.images.recipe import DuplicatesStep

MAX_IN_BAND = 2_000
"""A band value that more pictures share (all of one colour, say) tells nothing and is passed over."""


def exact_roots(digests: NDArray[np.uint64]) -> NDArray[np.int32]:
    """Return for each picture the number of the first with the same pixels."""
    _, first, inverse = np.unique(digests, return_index=True, return_inverse=True)
    return first[inverse].astype(np.int32)


def near_roots(
    hashes: NDArray[np.uint64], smalls: NDArray[np.uint8], step: DuplicatesStep
) -> tuple[NDArray[np.int32], list[tuple[int, int, float]]]:
    """Return for each picture the first of its cluster, and the pairs (first, second, mean difference) that made them."""
    roots = np.arange(len(hashes), dtype=np.int32)
    pairs: list[tuple[int, int, float]] = []
    for first, second in candidate_pairs(hashes, step.max_bits):
        differences = np.abs(smalls[first].astype(np.int16) - smalls[second].astype(np.int16)).mean(axis=(1, 2))
        for a, b, difference in zip(first, second, differences, strict=True):
            if difference <= step.max_difference:
                low, high = sorted((_root(roots, int(a)), _root(roots, int(b))))
                if low != high:
                    roots[high] = low
                    pairs.append((int(min(a, b)), int(max(a, b)), float(difference)))
    for i in range(len(roots)):
        roots[i] = roots[roots[i]]
    return roots, pairs


def candidate_pairs(hashes: NDArray[np.uint64], max_bits: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield arrays of pairs whose hashes differ in at most so many bits; a pair may come more than once."""
    edges = np.linspace(0, 64, max_bits + 2).astype(int)
    for low, high in pairwise(edges):
        band = (hashes >> np.uint64(low)) & np.uint64((1 << int(high - low)) - 1)
        order = np.argsort(band, kind="stable")
        starts = np.flatnonzero(np.r_[True, band[order][1:] != band[order][:-1], True])
        for begin, end in pairwise(starts):
            if 2 <= end - begin <= MAX_IN_BAND:
                group = order[begin:end]
                i, j = np.triu_indices(len(group), 1)
                close = np.bitwise_count(hashes[group[i]] ^ hashes[group[j]]) <= max_bits
                if close.any():
                    yield group[i[close]], group[j[close]]


def _root(roots: NDArray[np.int32], i: int) -> int:
    while roots[i] != i:
        roots[i] = roots[roots[i]]
        i = int(roots[i])
    return i
