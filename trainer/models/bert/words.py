"""From documents to what an encoder reads: framed by the special tokens, cut to length, padded to one shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.data.tokenizer import Tokenizer
from trainer.training.task import Batch

PAD_MULTIPLE = 8
"""Lengths are rounded up to it, so that there are few shapes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SpecialIds:
    """The tokens that frame and hide. Those that the tokenizer lacks get ids behind its own."""

    first: int
    """In front of a text: [CLS], <s>."""

    last: int
    """Behind a text: [SEP], </s>, or the end-of-text."""

    mask: int
    """In the place of a hidden token: [MASK], <mask>."""

    pad: int
    vocab_size: int
    """Of the model: the tokenizer's and the ids added."""

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> SpecialIds:
        size = tokenizer.vocab_size
        first, mask = tokenizer.special_id("[CLS]", "<s>"), tokenizer.special_id("[MASK]", "<mask>")
        if first is None:
            first, size = size, size + 1
        if mask is None:
            mask, size = size, size + 1
        last = tokenizer.end_of_text_id
        pad = tokenizer.special_id("[PAD]", "<pad>")
        return cls(first=first, last=last, mask=mask, pad=last if pad is None else pad, vocab_size=size)

    def frame(self, tokens: NDArray[np.int32] | Sequence[int], length: int) -> NDArray[np.int64]:
        """Return the tokens of a text between the two that frame it, cut at its end to `length` in all."""
        inner = np.asarray(tokens, dtype=np.int64)
        if len(inner) and inner[-1] == self.last:
            inner = inner[:-1]
        return np.concatenate(([self.first], inner[: length - 2], [self.last]))


def pad(rows: list[NDArray[np.int64]], *, filler: int, longest: int) -> Batch:
    """Return rows of different lengths as tokens (B, T) and mask (B, T): where there is a token."""
    lengths = np.array([len(row) for row in rows])
    width = min(-(-int(lengths.max()) // PAD_MULTIPLE) * PAD_MULTIPLE, max(longest, int(lengths.max())))
    tokens = np.full((len(rows), width), filler, dtype=np.int64)
    for number, row in enumerate(rows):
        tokens[number, : len(row)] = row
    mask = np.arange(width) < lengths[:, None]
    return {"tokens": torch.from_numpy(tokens), "mask": torch.from_numpy(mask)}
