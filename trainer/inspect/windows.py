"""The training split as stretches of a passage's length, half overlapping, and how many pairs of tokens each shares with it.

The pairs are counted in one pass over the split, a piece at a time: some 10 M tokens a second. So no stretch is left to
chance, however many there are; only those that share most are looked at closely.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.data.shards import TokenSplit
from trainer.data.tokenizer import Tokenizer
from trainer.inspect.ngrams import PIECE_TOKENS, ngram_hashes

MAX_SCANNED = 4_000_000
"""Windows that are held in memory at once; of more an even choice."""

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Windows:
    """Stretches of training documents, in their order. All arrays are (N,)."""

    documents: Ints
    starts: Ints
    lengths: Ints

    def __len__(self) -> int:
        return len(self.starts)

    def some(self, numbers: Ints) -> Windows:
        return Windows(self.documents[numbers], self.starts[numbers], self.lengths[numbers])

    def text(self, number: int, train: TokenSplit, tokenizer: Tokenizer) -> str:
        return tokenizer.decode(train.read(int(self.starts[number]), int(self.lengths[number])).tolist())


def windows_of(train: TokenSplit, *, size: int) -> Windows:
    """Return all windows of about so many tokens; of a document that is shorter the whole."""
    edges = np.asarray(train.document_starts, np.int64)
    begins, ends = edges[:-1], edges[1:] - 1  # without the end-of-text
    documents = np.flatnonzero(ends > begins)
    begins, ends = begins[documents], ends[documents]
    step = max(size // 2, 1)
    counts = np.maximum(-(-(ends - size // 2 - begins) // step), 1)
    firsts = np.cumsum(counts) - counts
    within = np.arange(counts.sum()) - np.repeat(firsts, counts)
    starts = np.repeat(begins, counts) + step * within
    found = Windows(np.repeat(documents, counts), starts, np.minimum(size, np.repeat(ends, counts) - starts))
    return found if len(found) <= MAX_SCANNED else found.some(evenly(len(found), MAX_SCANNED))


def evenly(num: int, most: int) -> Ints:
    """Return at most so many of the numbers below `num`, evenly chosen."""
    return np.arange(num) if num <= most else np.linspace(0, num - 1, most).astype(np.int64)


def shared_pairs(
    windows: Windows, tokens: Ints, train: TokenSplit, *, on_piece: Callable[[int], None] = lambda tokens: None
) -> Ints:
    """Return for each window how many of its pairs of tokens stand in the passage, too. `on_piece` may raise to end early."""
    wanted = np.unique(ngram_hashes(tokens, 2))
    found = np.zeros(len(windows), np.int64)
    longest = int(windows.lengths.max(initial=0))
    for place in range(0, train.num_tokens, PIECE_TOKENS):
        first, last = np.searchsorted(windows.starts, (place, place + PIECE_TOKENS))
        if first == last:
            continue
        piece = train.read(place, min(PIECE_TOKENS + longest, train.num_tokens - place)).astype(np.int64)
        hashes = ngram_hashes(piece, 2)
        is_shared = wanted[np.minimum(np.searchsorted(wanted, hashes), len(wanted) - 1)] == hashes
        before = np.concatenate(([0], np.cumsum(is_shared)))
        starts = windows.starts[first:last] - place
        ends = np.minimum(starts + np.maximum(windows.lengths[first:last] - 1, 0), len(is_shared))
        found[first:last] = before[ends] - before[np.minimum(starts, ends)]
        on_piece(place + PIECE_TOKENS)
    return found
