"""Pairs of texts that mean nothing, for steps that are timed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from trainer.data.kinds import MadeUp
from trainer.data.made_up import VOCAB_SIZE, made_up_text
from trainer.data.parts.store import TokenPart

SIDE_TOKENS, NUM_PAIRS = 512, 500


class MadeUpPairs:
    """Random tokens on both sides, more than any preset that is timed reads: every example then fills its window."""

    name = "train"
    num_documents = NUM_PAIRS
    num_tokens = 2 * NUM_PAIRS * SIDE_TOKENS

    def __init__(self) -> None:
        self._tokens = np.random.default_rng(1).integers(0, VOCAB_SIZE, (NUM_PAIRS, 2, SIDE_TOKENS), dtype=np.int32)

    def parts(self, document: int) -> list[TokenPart]:
        source, target = self._tokens[document]
        return [TokenPart("source", source), TokenPart("target", target)]


def made_up_pairs(folder: Path) -> MadeUp:
    """Return random pairs, and the tokenizer of made-up text."""
    return MadeUp(split=MadeUpPairs(), tokenizer=made_up_text(folder).tokenizer)
