"""Trains a byte-level BPE tokenizer (Sennrich et al. 2016; bytes as in GPT-2) on texts, in native code.

Cutting text into pieces takes most of the time in the library that learns merges, so it is done apart by a faster
engine: pieces are cut and counted batch by batch, and only the counts are given to the learner, as words in spaces.
That engine has no look-ahead; the one place the pattern needs it (the last space before a word goes with the word) is
marked first with a zero character, which no normalised text holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import polars as pl
import tokenizers
from tokenizers import models, pre_tokenizers, trainers

from trainer.data.byte_level import CHARACTER_OF_BYTE, bytes_to_printable, printable_to_bytes
from trainer.data.tokenizer import Tokenizer
from trainer.errors import InputError

SMALLEST_VOCAB_SIZE = 257
"""256 bytes and end-of-text."""

MOST_PIECES = 150_000
"""Different pieces that merges are learnt from. Learning takes time by different pieces, and the rarest teach little."""

_BATCH_CHARACTERS = 4 << 20
_BATCHES_BEFORE_MERGE = 16
_FED_CHARACTERS = 1 << 16
_LAST_SPACE = r"(\s)([^\S\r\n]\S)"
# SPLIT_PATTERN without its look-ahead, and with the mark belonging to no piece
_PIECES = (
    r"[^\r\n\p{L}\p{N}\x00]?[\p{L}\p{M}&&[^\p{Han}\p{Hiragana}\p{Katakana}]]+"
    r"|[\p{Han}\p{Hiragana}\p{Katakana}]{1,4}"
    r"|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{M}\p{N}\x00]+[\r\n]{0,64}"
    r"|\s{0,64}[\r\n]{1,64}"
    r"|\s{1,64}"
)


def train_bpe(texts: Iterable[str], *, vocab_size: int, min_frequency: int = 2) -> Tokenizer:
    """Return a tokenizer of at most `vocab_size` ids; fewer when the texts hold no more pairs worth merging."""
    if vocab_size < SMALLEST_VOCAB_SIZE:
        raise InputError(
            f"vocab_size is {vocab_size}; it must be at least {SMALLEST_VOCAB_SIZE}: 256 bytes and the end."
        )
    learner = tokenizers.Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - 1,
        min_frequency=min_frequency,
        initial_alphabet=list(CHARACTER_OF_BYTE.values()),
        show_progress=False,
    )
    learner.train_from_iterator(_as_words(most_frequent(count_pieces(texts))), trainer=trainer)
    vocabulary = sorted(learner.get_vocab().items(), key=lambda item: item[1])
    return Tokenizer.from_tokens([printable_to_bytes(token) for token, _ in vocabulary])


def count_pieces(texts: Iterable[str]) -> pl.DataFrame:
    """Return how often each piece occurs: columns `piece` and `count`, in order of the piece."""
    counts: list[pl.DataFrame] = []
    for batch in _batches(texts):
        marked = pl.Series(batch, dtype=pl.String).str.replace_all(_LAST_SPACE, "${1}\x00${2}")
        pieces = marked.str.extract_all(_PIECES).explode().drop_nulls().alias("piece")
        counts.append(pieces.value_counts())
        if len(counts) >= _BATCHES_BEFORE_MERGE:
            counts = [_merged(counts)]
    return _merged(counts).sort("piece")


def most_frequent(counts: pl.DataFrame, most: int = MOST_PIECES) -> pl.DataFrame:
    """Return the most frequent pieces, in order of the piece.

    Three or four Han are cut where a run happened to begin, so most such pieces are rare however common their words
    are; the rare ones are counted by pairs instead of being left out.
    """
    if len(counts) <= most:
        return counts
    ordered = counts.sort(["count", "piece"], descending=[True, False])
    tail = ordered[most:]
    pairs = tail.filter(pl.col("piece").str.contains(r"^\p{Han}{3,4}$")).with_columns(
        pl.col("piece").str.extract_all(r"\p{Han}{1,2}")
    )
    merged = _merged([ordered[:most], pairs.explode("piece")])
    return merged.sort(["count", "piece"], descending=[True, False])[:most].sort("piece")


def _merged(counts: list[pl.DataFrame]) -> pl.DataFrame:
    if not counts:
        return pl.DataFrame(schema={"piece": pl.String, "count": pl.UInt32})
    return pl.concat(counts).group_by("piece").agg(pl.col("count").sum())


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    num_characters = 0
    for text in texts:
        batch.append(text)
        num_characters += len(text)
        if num_characters >= _BATCH_CHARACTERS:
            yield batch
            batch, num_characters = [], 0
    if batch:
        yield batch


def _as_words(counts: pl.DataFrame) -> Iterator[str]:
    """Yield texts in which each piece stands as often as it was counted, in printable bytes and between spaces."""
    words: list[str] = []
    num_characters = 0
    for piece, count in counts.iter_rows():
        word = bytes_to_printable(piece.encode()) + " "
        while count:
            times = min(count, _FED_CHARACTERS // len(word) + 1)
            words.append(word * times)
            count -= times
            num_characters += len(words[-1])
            if num_characters >= _FED_CHARACTERS:
                yield "".join(words)
                words, num_characters = [], 0
    yield "".join(words)
