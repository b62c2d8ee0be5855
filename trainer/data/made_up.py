"""Text that means nothing, for steps that are timed."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np

from trainer.data.kinds import MadeUp
from trainer.data.tokenizer import Tokenizer

VOCAB_SIZE = 8_192
"""As recipes have it by default: where a vocabulary is most of a small model, another one would be timed."""

DOCUMENT_TOKENS = 2_048
"""More than the context of any preset that is timed: every example then fills its window, whatever the family makes of it."""


class MadeUpSplit:
    """Random tokens in documents of equal length with two labels: enough for any family of text to make a batch of."""

    name = "train"
    num_documents = 500
    num_tokens = num_documents * DOCUMENT_TOKENS

    def __init__(self) -> None:
        self._tokens = np.random.default_rng(1).integers(0, VOCAB_SIZE, self.num_tokens, dtype=np.int32)
        self.document_starts = np.arange(0, self.num_tokens + 1, DOCUMENT_TOKENS)
        self.label_ids = np.arange(self.num_documents, dtype=np.int32) % 2

    def read(self, start: int, length: int) -> np.ndarray:
        return self._tokens[start : start + length]


def made_up_text(_folder: Path) -> MadeUp:
    """Return random documents, a tokenizer of `VOCAB_SIZE` ids that means nothing, and two labels."""
    singles = [bytes([byte]) for byte in range(256)]
    pairs = [bytes(pair) for pair in product(range(97, 188), repeat=2)]
    tokenizer = Tokenizer.from_tokens([*singles, *pairs][: VOCAB_SIZE - 1])
    return MadeUp(split=MadeUpSplit(), tokenizer=tokenizer, label_names=("a", "b"))
