"""Which runs of n tokens of some texts also stand in a split: exact, in memory that does not grow with the split.

The n-grams of the texts asked about are hashed and sorted; the split is read in pieces, its n-grams hashed in one pass
each and looked up. A hit is checked token by token, so that no collision counts. Hits one behind the other in both, on the
same diagonal, are one copied stretch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.data.shards import TokenSplit

PIECE_TOKENS = 1 << 20
ROWS_A_HIT = 4
MAX_PAIRS = 1 << 21
"""Of texts that repeat themselves endlessly not every pair of repeats is followed: the longest stretch may be longer."""

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_MIXER = np.uint64(0xBF58476D1CE4E5B9)
Tokens = NDArray[np.int64]
Ints = NDArray[np.int64]


def ngram_hashes(tokens: Tokens, n: int) -> NDArray[np.uint64]:
    """Return the hash of each run of n tokens, by the place where it begins."""
    num = len(tokens) - n + 1
    if num < 1:
        return np.empty(0, np.uint64)
    values = tokens.astype(np.uint64)
    hashes = np.zeros(num, np.uint64)
    for offset in range(n):
        hashes = (hashes + values[offset : offset + num] + np.uint64(1)) * _MULTIPLIER
        hashes ^= hashes >> np.uint64(29)
    hashes *= _MIXER
    hashes ^= hashes >> np.uint64(32)
    return hashes


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of a text that stands in the split in one piece."""

    begin: int
    length: int
    place: int
    """Where it begins in the split."""


@dataclass(slots=True)
class Found:
    """What of one text was found. `is_found` tells for each place where an n-gram begins whether it stands in the split."""

    tokens: Tokens
    n: int
    is_found: NDArray[np.bool_]
    longest: Stretch | None = None

    @property
    def covered(self) -> NDArray[np.bool_]:
        """For each token, whether it lies in an n-gram that was found."""
        marks = np.zeros(len(self.tokens) + 1, np.int64)
        starts = np.flatnonzero(self.is_found)
        np.add.at(marks, starts, 1)
        np.add.at(marks, starts + self.n, -1)
        mask: NDArray[np.bool_] = np.cumsum(marks[:-1]) > 0
        return mask

    @property
    def covered_fraction(self) -> float:
        return float(self.covered.mean()) if len(self.tokens) else 0.0

    @property
    def longest_tokens(self) -> int:
        return self.longest.length if self.longest else 0


def find_ngrams(
    texts: Sequence[Tokens], split: TokenSplit, *, n: int, on_piece: Callable[[int], None] = lambda tokens: None
) -> list[Found]:
    """Return for each text which of its n-grams stand in the split. `on_piece` may raise to end early."""
    index = _Index(texts, n)
    if len(index.wanted):
        for start in range(0, max(split.num_tokens - n + 1, 0), PIECE_TOKENS):
            length = min(PIECE_TOKENS + n - 1, split.num_tokens - start)
            index.look_up(split.read(start, length).astype(np.int64), start)
            on_piece(start + length)
    return index.found()


class _Index:
    """The n-grams of the texts, sorted by hash: row r of `wanted` is the one that begins at token `at[r]` of `tokens`."""

    def __init__(self, texts: Sequence[Tokens], n: int) -> None:
        self.texts, self.n = texts, n
        self.tokens = np.concatenate([*texts, np.empty(0, np.int64)])
        bases = np.cumsum([0, *(len(each) for each in texts)])[:-1]
        hashes = [ngram_hashes(each, n) for each in texts]
        starts = [base + np.arange(len(each)) for base, each in zip(bases, hashes, strict=True)]
        owners = np.repeat(np.arange(len(texts)), [len(each) for each in hashes])
        joined = np.concatenate([*hashes, np.empty(0, np.uint64)])
        order = np.argsort(joined, kind="stable")
        self.bases: Ints = bases
        self.wanted = joined[order]
        self.at: Ints = np.concatenate([*starts, np.empty(0, np.int64)]).astype(np.int64)[order]
        self.owner: Ints = owners[order]
        self.marked = np.zeros(len(self.tokens), np.bool_)
        self.best: dict[int, Stretch] = {}

    def look_up(self, piece: Tokens, start: int) -> None:
        """Take in a piece of the split that begins at `start`."""
        hashes = ngram_hashes(piece, self.n)
        first = np.searchsorted(self.wanted, hashes, side="left")
        places = np.flatnonzero(self.wanted[np.minimum(first, len(self.wanted) - 1)] == hashes)
        if not len(places):
            return
        first = first[places]
        last = np.searchsorted(self.wanted, hashes[places], side="right")
        self._mark(piece, places, first, last)
        self._follow(places + start, first, last)

    def _mark(self, piece: Tokens, places: Ints, first: Ints, last: Ints) -> None:
        """Mark the n-grams with these hashes as found, those whose tokens are the same."""
        _, one = np.unique(first, return_index=True)
        rows = _ranges(first[one], last[one])
        at = np.repeat(places[one], last[one] - first[one])
        steps = np.arange(self.n)
        for begin in range(0, len(rows), PIECE_TOKENS // self.n):
            some = slice(begin, begin + PIECE_TOKENS // self.n)
            mine = self.at[rows[some]]
            same = (self.tokens[mine[:, None] + steps] == piece[at[some][:, None] + steps]).all(axis=1)
            self.marked[mine[same]] = True

    def _follow(self, places: Ints, first: Ints, last: Ints) -> None:
        """Find the longest run of hits on one diagonal, for each text."""
        counts = np.minimum(last - first, ROWS_A_HIT)
        keep = np.cumsum(counts) <= MAX_PAIRS
        places, first, counts = places[keep], first[keep], counts[keep]
        rows = _ranges(first, first + counts)
        place = np.repeat(places, counts)
        begin, owner = self.at[rows], self.owner[rows]
        order = np.lexsort((begin, begin - place, owner))
        begin, place, owner = begin[order], place[order], owner[order]
        breaks = (np.diff(begin) != 1) | (np.diff(place) != 1) | (np.diff(owner) != 0)
        heads = np.flatnonzero(np.concatenate(([True], breaks))) if len(begin) else np.empty(0, np.int64)
        lengths = np.diff(np.append(heads, len(begin))) + self.n - 1
        for text in np.unique(owner[heads]).tolist():
            mine = self._of(owner[heads], text)
            top = int(mine[np.argmax(lengths[mine])])
            head = int(heads[top])
            known = self.best.get(text)
            if known is None or int(lengths[top]) > known.length:
                self.best[text] = Stretch(int(begin[head] - self.bases[text]), int(lengths[top]), int(place[head]))

    @staticmethod
    def _of(owners: Ints, text: int) -> Ints:
        """Return where a text's heads stand; they are sorted by text."""
        return np.arange(np.searchsorted(owners, text, side="left"), np.searchsorted(owners, text, side="right"))

    def found(self) -> list[Found]:
        rows = []
        for number, (base, text) in enumerate(zip(self.bases.tolist(), self.texts, strict=True)):
            num = max(len(text) - self.n + 1, 0)
            rows.append(Found(text, self.n, self.marked[base : base + num], self.best.get(number)))
        return rows


def _ranges(first: Ints, last: Ints) -> Ints:
    """Return first[0] .. last[0] - 1, first[1] .. last[1] - 1, and so on."""
    counts = last - first
    ends = np.cumsum(counts)
    found: Ints = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - counts, counts) + np.repeat(first, counts)
    return found


def document_at(split: TokenSplit, place: int) -> int:
    """Return the number of the document that holds a place of the split's stream."""
    return int(np.searchsorted(split.document_starts, place, side="right")) - 1
