"""Trains a byte-level BPE tokenizer (Sennrich et al. 2016; bytes as in GPT-2) on texts, in native code."""

from __future__ import annotations

from collections.abc import Iterable

import tokenizers
from tokenizers import decoders, models, pre_tokenizers, trainers

from trainer.data.byte_level import CHARACTER_OF_BYTE, SPLIT_PATTERN, printable_to_bytes
from trainer.data.tokenizer import Tokenizer
from trainer.errors import InputError

SMALLEST_VOCAB_SIZE = 257
"""256 bytes and end-of-text."""


def train_bpe(texts: Iterable[str], *, vocab_size: int, min_frequency: int = 2) -> Tokenizer:
    """Return a tokenizer of at most `vocab_size` ids; fewer when the texts hold no more pairs worth merging."""
    if vocab_size < SMALLEST_VOCAB_SIZE:
        raise InputError(
            f"vocab_size is {vocab_size}; it must be at least {SMALLEST_VOCAB_SIZE}: 256 bytes and the end."
        )
    learner = tokenizers.Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(tokenizers.Regex(SPLIT_PATTERN), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    learner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - 1,
        min_frequency=min_frequency,
        initial_alphabet=list(CHARACTER_OF_BYTE.values()),
        show_progress=False,
    )
    learner.train_from_iterator(texts, trainer=trainer)
    vocabulary = sorted(learner.get_vocab().items(), key=lambda item: item[1])
    return Tokenizer.from_tokens([printable_to_bytes(token) for token, _ in vocabulary])
