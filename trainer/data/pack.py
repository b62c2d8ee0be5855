"""Last step: the kept documents become tokens, and the tokens shards, in the order of the input.

Encoding runs in threads, for the encoder releases the interpreter's lock; the shards are written in order by one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from trainer.data.augment import Augmented, AugmentStats, Paraphraser, augmented
from trainer.data.manifest import SPLIT_NAMES
from trainer.data.parts.marks import ROLES, parted
from trainer.data.recipe import AugmentStep
from trainer.data.shard_writer import VersionWriter
from trainer.data.split import TRAIN
from trainer.data.spool import Spool
from trainer.data.tokenizer import Tokenizer

NUM_LENGTH_BINS = 32
"""Bin i holds documents of 2**i to 2**(i + 1) - 1 tokens."""


@dataclass(frozen=True, slots=True)
class EncodedChunk:
    records: NDArray[np.void]
    splits: NDArray[np.uint8]
    tokens: list[NDArray[np.uint32]]
    parts: list[NDArray[np.int64]] | None = None
    """First token and role (N, 2) of the parts of each document; None for text, which has none."""

    copied: Augmented | None = None
    """What the texts were made of; None where there are no copies."""


@dataclass(slots=True)
class PackStats:
    """Lengths of the packed documents in tokens, by powers of two."""

    length_counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(NUM_LENGTH_BINS, np.int64))
    longest_tokens: int = 0
    augment: AugmentStats = field(default_factory=AugmentStats)


def pack(
    spool: Spool,
    tokenizer: Tokenizer,
    keep: NDArray[np.bool_],
    splits: NDArray[np.uint8],
    writer: VersionWriter,
    *,
    num_threads: int,
    check_stop: Callable[[], None],
    on_progress: Callable[[int], None],
    has_parts: bool = False,
    augment: AugmentStep | None = None,
    paraphraser: Paraphraser | None = None,
) -> PackStats:
    """Encode and write all documents to keep; with parts each of them by itself, and where they begin."""
    stats = PackStats()
    encode = encode_parts if has_parts else encode_texts
    copier = None
    if augment and augment.copies:
        copier = partial(augmented, step=augment, has_parts=has_parts, paraphraser=paraphraser)
    for chunk in _encoded_chunks(spool, tokenizer, keep, splits, num_threads, check_stop, encode, copier):
        if len(chunk.records):
            _append(chunk, writer, stats)
            on_progress(int(chunk.records["num_bytes"].sum()))
    return stats


def _encoded_chunks(
    spool: Spool,
    tokenizer: Tokenizer,
    keep: NDArray[np.bool_],
    splits: NDArray[np.uint8],
    num_threads: int,
    check_stop: Callable[[], None],
    encode_all: Encode,
    copier: Callable[[list[str], NDArray[np.bool_]], Augmented] | None,
) -> Iterator[EncodedChunk]:
    def encode(start: int, records: NDArray[np.void]) -> EncodedChunk:
        part = slice(start, start + len(records))
        texts = spool.chunk_texts(records, keep[part])
        kept, its_splits = records[keep[part]], splits[part][keep[part]]
        found = None
        if copier is not None:
            found = copier(texts, its_splits == TRAIN)
            texts, kept, its_splits = found.texts, kept[found.rows].copy(), its_splits[found.rows]
            kept["num_bytes"][found.is_copy] = [
                len(text.encode()) for text, is_copy in zip(texts, found.is_copy, strict=True) if is_copy
            ]
        return EncodedChunk(kept, its_splits, *encode_all(texts, tokenizer), found)

    with ThreadPoolExecutor(num_threads) as pool:
        pending: deque[Future[EncodedChunk]] = deque()
        try:
            for start, records in spool.chunks():
                check_stop()
                pending.append(pool.submit(encode, start, records))
                if len(pending) > num_threads + 1:
                    yield pending.popleft().result()
            while pending:
                check_stop()
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


Encoded = tuple[list[NDArray[np.uint32]], list[NDArray[np.int64]] | None]
Encode = Callable[[list[str], Tokenizer], Encoded]


def encode_texts(texts: list[str], tokenizer: Tokenizer) -> Encoded:
    """Return the tokens of each text, an end-of-text behind it."""
    end = np.array([tokenizer.end_of_text_id], np.uint32)
    return [np.concatenate((tokenizer.encode_array(text), end)) for text in texts], None


def encode_parts(texts: list[str], tokenizer: Tokenizer) -> Encoded:
    """Return the tokens of each document, and where its parts begin: no token reaches from one part into the next."""
    end = np.array([tokenizer.end_of_text_id], np.uint32)
    tokens, places = [], []
    for text in texts:
        parts = parted(text)
        encoded = [tokenizer.encode_array(content) for _, content in parts]
        starts = np.cumsum([0, *(len(each) for each in encoded[:-1])])
        tokens.append(np.concatenate([*encoded, end]))
        places.append(
            np.array([[at, ROLES.index(role)] for at, (role, _) in zip(starts, parts, strict=True)], np.int64)
        )
    return tokens, places


def _append(chunk: EncodedChunk, writer: VersionWriter, stats: PackStats) -> None:
    lengths = np.fromiter((len(tokens) for tokens in chunk.tokens), np.int64, len(chunk.tokens))
    bins = np.minimum(np.log2(lengths).astype(np.int64), NUM_LENGTH_BINS - 1)
    stats.length_counts += np.bincount(bins, minlength=NUM_LENGTH_BINS)
    stats.longest_tokens = max(stats.longest_tokens, int(lengths.max()))
    if chunk.copied is not None:
        stats.augment.merge(chunk.copied.stats)
    for number, name in enumerate(SPLIT_NAMES):
        chosen = np.flatnonzero(chunk.splits == number)
        if not len(chosen):
            continue
        records = chunk.records[chosen]
        writer.splits[name].append(
            np.concatenate([chunk.tokens[i] for i in chosen]),
            lengths[chosen],
            records["label"],
            np.stack([records["source"].astype(np.int64), records["row"]], axis=1),
            int(records["num_bytes"].sum()),
            None if chunk.parts is None else _placed(chunk.parts, lengths, chosen),
            chunk.copied.is_copy[chosen] if chunk.copied is not None and name == "train" else None,
        )


def _placed(parts: list[NDArray[np.int64]], lengths: NDArray[np.int64], chosen: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the parts of the chosen documents, counted from the first token of all of these."""
    begins = np.cumsum([0, *lengths[chosen][:-1]])
    shifted = [parts[i] + np.array([begin, 0]) for i, begin in zip(chosen, begins, strict=True)]
    placed: NDArray[np.int64] = np.concatenate(shifted)
    return placed
