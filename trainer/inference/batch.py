"""Several texts written by one model at the same time: each step reads the weights once for all of them.

A text joins when its first token is asked for and leaves when it ends or is closed; the others go on. Nobody drives the
batch: whoever asks for a token that is not there yet makes a step, and the step serves all that are in it, up to a few
tokens ahead of their readers. Rows of the cache that are free keep what they hold: a text that begins like an earlier one
(a conversation that goes on) does not read that beginning again.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from trainer.data.tokenizer import Tokenizer
from trainer.inference.cache import KVCache
from trainer.inference.sampling import SamplingSpec
from trainer.inference.writing import Writing

if TYPE_CHECKING:
    from trainer.inference.draft import Draft

MOST_ROWS = 32
MOST_CACHE_BYTES = 2 * 2**30
"""For keys and values of all rows; one row there is always."""
MOST_AHEAD = 2
"""Tokens that a text may be ahead of its reader."""
KEPT_ROWS = 4
"""Rows of texts that ended, kept for those who may go on with them."""
REUSED_FROM_TOKENS = 8
"""A shorter common beginning is read again rather than taken from a row that somebody may come back to."""
LENGTH_STEP = 256
"""Rows get longer by whole steps, for each time all keys and values are copied."""


class Decoder(Protocol):
    """A model laid out for writing."""

    context_length: int
    cache: KVCache

    @property
    def size_bytes(self) -> int: ...
    def read(
        self, tokens: Tensor, rows: Sequence[int], firsts: Sequence[int], *, lasts: Sequence[int] | None = None
    ) -> Tensor: ...


@dataclass(eq=False, slots=True)
class Row:
    """One row of the cache."""

    number: int
    tokens: list[int] = field(default_factory=list)
    """Those whose keys and values it holds."""

    writing: Writing | None = None
    used_at: int = 0


class Batch:
    """The texts that one model is writing. Used by one thread, but for `Writing.close`."""

    limit = "memory bandwidth: each step reads all weights once"

    def __init__(self, decoder: Decoder, tokenizer: Tokenizer, *, most_cache_bytes: int = MOST_CACHE_BYTES) -> None:
        self.decoder, self.tokenizer, self.most_cache_bytes = decoder, tokenizer, most_cache_bytes
        self.device = decoder.cache.keys.device
        self.rows: list[Row] = []
        self.writings: list[Writing] = []
        self.num_steps = self.num_tokens_read = 0
        """How often the weights were read, and for how many tokens of prompts and texts."""
        self._clock = itertools.count(1)

    def write(self, tokens: Sequence[int], settings: SamplingSpec, draft: Draft | None = None) -> Writing:
        """Return an iterator over what follows the tokens. When the context is full its newer half is read again.

        A draft guesses ahead while the text is alone; several texts share the reading of the weights already.
        """
        return Writing(self, tokens, settings, self.tokenizer, draft)

    def join(self, writing: Writing) -> None:
        self.writings.append(writing)

    @torch.inference_mode()
    def step(self, wanted: Writing) -> None:
        """Make at least one token for `wanted`, and one for each other text whose reader keeps up."""
        self._sweep()
        going = [wanted, *(w for w in self.writings if w is not wanted and len(w.ready) < MOST_AHEAD)]
        placed = [writing for writing in going if self._has_place(writing, keep=wanted)]
        placed = [writing for writing in placed if writing.row is not None]  # a later one may have taken a row
        if len(placed) == 1 and wanted.draft is not None:
            self._read_guesses(wanted, wanted.draft)
            return
        fresh = [writing for writing in placed if len(writing.unread) > 1]
        for group in (*padded_groups(fresh, self.decoder.context_length), [w for w in placed if w not in fresh]):
            if group:
                self._read(group)

    def _read(self, group: list[Writing]) -> None:
        """Read what is unread of some texts, and let each draw its next token."""
        unread, rows = [writing.unread for writing in group], [row_of(writing) for writing in group]
        longest = max(map(len, unread))
        firsts = [len(row.tokens) for row in rows]
        self._reserve(max(firsts) + longest)
        tokens = torch.tensor([each + [0] * (longest - len(each)) for each in unread], device=self.device)
        numbers, lasts = [row.number for row in rows], [len(each) - 1 for each in unread]
        logits = self.decoder.read(tokens, numbers, firsts, lasts=lasts)  # (R, V)
        self.num_steps += 1
        self.num_tokens_read += sum(map(len, unread))
        for writing, row, each, scores in zip(group, rows, unread, logits, strict=True):
            row.tokens += each
            row.used_at = next(self._clock)
            writing.take(scores)

    def _read_guesses(self, writing: Writing, draft: Draft) -> None:
        """Read what is unread and what the draft guesses behind it; keep as much as the model draws itself."""
        row, unread = row_of(writing), writing.unread
        first, room = len(row.tokens), self.decoder.context_length - len(writing.window)
        guesses = draft.guesses(writing.read, max(min(draft.num_guesses, room, writing.num_left - 1), 0))
        self._reserve(first + len(unread) + len(guesses))
        tokens = torch.tensor([[*unread, *guesses]], device=self.device)
        logits = self.decoder.read(tokens, [row.number], [first])[0, len(unread) - 1 :]  # (1 + guesses, V)
        self.num_steps += 1
        self.num_tokens_read += tokens.size(1)
        row.tokens += unread
        row.used_at = next(self._clock)
        writing.num_guessed += len(guesses)
        for scores, guess in itertools.zip_longest(logits, guesses):
            if writing.take(scores) != guess or writing.is_over:
                return
            row.tokens.append(guess)
            writing.num_right += 1

    # ---- places

    def _sweep(self) -> None:
        """Free the rows of texts that are over."""
        for row in self.rows:
            if row.writing is not None and row.writing.is_over:
                row.writing.row, row.writing = None, None
        self.writings = [writing for writing in self.writings if not writing.is_over]

    def _has_place(self, writing: Writing, *, keep: Writing) -> bool:
        """Give a text a row, if it has none; only the one that is waited for takes another's. Make room in its window."""
        if len(writing.window) > self.decoder.context_length:
            writing.shorten(max(self.decoder.context_length // 2, 1))
            if writing.row is not None:
                row_of(writing).tokens = []
        if writing.row is None:
            row = self._free_row(writing.window) or (self._taken_row(keep) if writing is keep else None)
            if row is None:
                return False
            row.writing, writing.row = writing, row
        return True

    def _free_row(self, window: list[int]) -> Row | None:
        """Return a free row that holds as much of a text's beginning as any row does."""
        free = [row for row in self.rows if row.writing is None]
        best = max(self.rows, key=lambda row: common_length(row.tokens, window), default=None)
        shared = min(common_length(best.tokens, window), len(window) - 1) if best else 0
        if best is None or shared < REUSED_FROM_TOKENS:
            best, shared = None, 0
        if best is not None and best.writing is None:
            chosen: Row | None = best
        elif len(free) >= KEPT_ROWS or (chosen := self._new_row()) is None:
            chosen = min(free, key=lambda row: row.used_at, default=None)
        if chosen is None:
            return None
        if best is not None and best is not chosen:
            self.decoder.cache.copy(best.number, chosen.number, shared)
        chosen.tokens = window[:shared]
        return chosen

    def _new_row(self) -> Row | None:
        """Return one more row, where there is memory for it."""
        number, length = len(self.rows), max(self.decoder.cache.length, 1)
        if number and (number >= MOST_ROWS or self.decoder.cache.bytes_of(number + 1, length) > self.most_cache_bytes):
            return None
        self.decoder.cache.reserve(number + 1 if number < 2 else 2 * number, length)
        self.rows.append(Row(number))
        return self.rows[-1]

    def _taken_row(self, keep: Writing) -> Row:
        """Take the row of the text that was served longest ago: it reads itself anew when its turn comes."""
        row = min((row for row in self.rows if row.writing is not keep), key=lambda row: row.used_at)
        assert row.writing is not None
        row.writing.row, row.writing, row.tokens = None, None, []
        return row

    def _reserve(self, length: int) -> None:
        steps = -(-length // LENGTH_STEP) * LENGTH_STEP
        cache = self.decoder.cache
        if length > cache.length:
            cache.reserve(cache.num_rows, min(steps, self.decoder.context_length))


def row_of(writing: Writing) -> Row:
    assert isinstance(writing.row, Row)
    return writing.row


def common_length(first: Sequence[int], second: Sequence[int]) -> int:
    """Return how many tokens two texts begin with in common."""
    return next(
        (i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), min(len(first), len(second))
    )


def padded_groups(fresh: list[Writing], context_length: int) -> list[list[Writing]]:
    """Return which prompts are read together: all, padded behind to one length, unless half of that were padding."""
    if not fresh:
        return []
    lengths = [len(writing.unread) for writing in fresh]
    ends = [len(row_of(writing).tokens) + max(lengths) for writing in fresh]
    if max(lengths) * len(fresh) <= 2 * sum(lengths) and max(ends) <= context_length:
        return [fresh]
    return [[writing] for writing in fresh]
