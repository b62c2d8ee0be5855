"""Speculative decoding: a small model guesses the next few tokens, and the large one reads all guesses in one step.

A step of the large model costs its weights' way from memory, whether it reads one token or five. What is written is what
the large model draws at each place, with its own seed: a guess only saves the step in which it would have been drawn, so
the text is the same as without (Leviathan et al. 2023; here the guess is the small model's likeliest token).
"""

from __future__ import annotations

import torch

from trainer.inference.batch import LENGTH_STEP, Decoder, common_length

NUM_GUESSES = 4


class Draft:
    """A small model of the same tokens. It follows one text at a time; another's beginning is read anew."""

    def __init__(self, decoder: Decoder, *, num_guesses: int = NUM_GUESSES) -> None:
        self.decoder, self.num_guesses = decoder, num_guesses
        self._tokens: list[int] = []
        """Those whose keys and values are there."""
        self._start = 0

    @torch.inference_mode()
    def guesses(self, read: list[int], count: int) -> list[int]:
        """Return the likeliest tokens behind those that were read so far."""
        if not count:
            return []
        context = self.decoder.context_length
        if not 0 < len(read) - self._start <= context - count:
            self._start = max(len(read) - max(context // 2, 1), 0)
        window, found = read[self._start :], list[int]()
        kept = min(common_length(self._tokens, window), len(window) - 1)
        self._tokens, unread = window[:kept], window[kept:]
        self.decoder.cache.reserve(1, min(-(-(len(window) + count) // LENGTH_STEP) * LENGTH_STEP, context))
        while len(found) < count and len(self._tokens) + len(unread) <= context:
            tokens = torch.tensor([unread], device=self.decoder.cache.keys.device)
            logits = self.decoder.read(tokens, [0], [len(self._tokens)], lasts=[len(unread) - 1])
            self._tokens += unread
            unread = [int(logits[0].argmax())]
            found += unread
        return found
