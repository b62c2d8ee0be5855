"""Fifth step: clusters of documents that are nearly the same (MinHash with locality-sensitive hashing).

Band by band: documents with the same band hash are candidates; each pair is judged by its sketches, and by its texts
where the sketches are too close to the threshold to tell; pairs that pass are joined (union-find). Band hashes and
sketches stay on disk, one band is in memory at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.data.minhash import jaccard
from trainer.data.recipe import NearStep
from trainer.data.spool import Spool

MAX_EXAMPLES = 200
_PAIRS_AT_ONCE = 1 << 14
_UNSURE_DEVIATIONS = 2.5
"""Sketches within so many standard deviations of the threshold are checked against the texts."""

_MAX_REMEMBERED = 1 << 20


@dataclass(frozen=True, slots=True)
class NearPair:
    """Two documents found to be nearly the same."""

    first: int
    second: int
    similarity: float


@dataclass(slots=True)
class Clusters:
    """`roots[i]` is the first document of the cluster that document i is in."""

    roots: NDArray[np.int32]
    pairs: list[NearPair]
    num_compared: int = 0
    num_read: int = 0
    """Pairs whose texts were read because the sketches could not tell."""


def find_clusters(
    spool: Spool,
    equals: NDArray[np.int32],
    step: NearStep,
    *,
    check_stop: Callable[[], None] = lambda: None,
    on_progress: Callable[[int], None] = lambda band: None,
) -> Clusters:
    """Join near-duplicates. `equals` names the first of identical documents; only that one is compared."""
    finder = _Finder(spool, equals, step, check_stop)
    for band in range(spool.num_bands):
        finder.join_band(band)
        on_progress(band + 1)
    roots = _flat(finder.parents)
    return Clusters(roots[equals], finder.pairs, finder.num_compared, finder.num_read)


class _Finder:
    def __init__(self, spool: Spool, equals: NDArray[np.int32], step: NearStep, check_stop: Callable[[], None]) -> None:
        self.spool, self.step, self.check_stop = spool, step, check_stop
        self.parents = np.arange(spool.num_documents, dtype=np.int32)
        self.compared = np.flatnonzero(equals == self.parents).astype(np.int32)
        self.pairs: list[NearPair] = []
        self.num_compared = self.num_read = 0
        self._different: set[int] = set()
        self._unsure = _UNSURE_DEVIATIONS * (step.threshold * (1 - step.threshold) / step.num_hashes) ** 0.5

    def join_band(self, band: int) -> None:
        hashes = np.fromfile(self.spool.band_path(band), "<u8")[self.compared]
        pairs = _candidates(hashes, self.compared)
        self.parents = _flat(self.parents)
        pairs = pairs[self.parents[pairs[:, 0]] != self.parents[pairs[:, 1]]]
        for start in range(0, len(pairs), _PAIRS_AT_ONCE):
            self.check_stop()
            self._judge(pairs[start : start + _PAIRS_AT_ONCE])

    def _judge(self, pairs: NDArray[np.int32]) -> None:
        shape = (self.spool.num_documents, self.spool.num_hashes)
        sketches = np.memmap(self.spool.sketches_path, "<u4", mode="r", shape=shape)
        similarity = (sketches[pairs[:, 0]] == sketches[pairs[:, 1]]).mean(axis=1)
        del sketches  # unmapped at once, so that its pages do not count as ours
        self.num_compared += len(pairs)
        for (a, b), estimate in zip(pairs.tolist(), similarity.tolist(), strict=True):
            if estimate < self.step.threshold - self._unsure or self._find(a) == self._find(b):
                continue
            self._join_if_similar(a, b, estimate)

    def _join_if_similar(self, a: int, b: int, estimate: float) -> None:
        if estimate < self.step.threshold + self._unsure:
            key = a << 32 | b
            if key in self._different:
                return
            estimate = self._exact_similarity(a, b)
            if estimate < self.step.threshold:
                if len(self._different) < _MAX_REMEMBERED:
                    self._different.add(key)
                return
        root_a, root_b = self._find(a), self._find(b)
        self.parents[max(root_a, root_b)] = min(root_a, root_b)
        if len(self.pairs) < MAX_EXAMPLES:
            self.pairs.append(NearPair(min(a, b), max(a, b), round(estimate, 4)))

    def _exact_similarity(self, a: int, b: int) -> float:
        self.num_read += 1
        if self.num_read % 256 == 0:
            self.check_stop()
        texts = [self.spool.text(self.spool.record(document)) for document in (a, b)]
        return jaccard(texts[0], texts[1], shingle_characters=self.step.shingle_characters)

    def _find(self, document: int) -> int:
        parents = self.parents
        while (parent := int(parents[document])) != document:
            parents[document] = parents[parent]
            document = parent
        return document


def _candidates(hashes: NDArray[np.uint64], documents: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return pairs of documents with the same hash: each with the first of its group, and with the one before it."""
    order = np.argsort(hashes, kind="stable")
    same = hashes[order][1:] == hashes[order][:-1]
    later = np.flatnonzero(same) + 1
    if not len(later):
        return np.empty((0, 2), np.int32)
    heads = np.flatnonzero(np.concatenate(([True], ~same)))
    head_of = heads[np.searchsorted(heads, later, side="right") - 1]
    with_first = np.stack([order[head_of], order[later]], axis=1)
    with_previous = np.stack([order[later - 1], order[later]], axis=1)[head_of != later - 1]
    pairs: NDArray[np.int32] = documents[np.concatenate([with_first, with_previous])]
    return pairs


def _flat(parents: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return for each document its root, following the parents to their end."""
    while True:
        above: NDArray[np.int32] = parents[parents]
        if np.array_equal(above, parents):
            return above
        parents = above
