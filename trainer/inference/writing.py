"""One text on its way from logits to what may be shown: what was read, what was drawn, what is held back."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from trainer.data.tokenizer import StreamDecoder, Tokenizer
from trainer.inference.sampling import SamplingSpec, StopAtText, choose

if TYPE_CHECKING:
    from trainer.inference.batch import Batch
    from trainer.inference.draft import Draft


@dataclass(frozen=True, slots=True)
class Written:
    """One token and the text that it lets through; half a character, or what may be a stop text, waits for the next."""

    token: int
    text: str
    probability: float
    end: str = ""
    """Why writing ends here: `end_of_text`, `stop`, `length`; empty while it goes on."""


class Shown:
    """Turns tokens into what may be shown, and knows when to end."""

    def __init__(self, settings: SamplingSpec, tokenizer: Tokenizer) -> None:
        self.settings, self.tokenizer, self.count = settings, tokenizer, 0
        self._decoder, self._stop = StreamDecoder(tokenizer), StopAtText(settings.stop)

    def push(self, token: int, probability: float) -> Written:
        """Return one more token with the text that it lets through."""
        if token == self.tokenizer.end_of_text_id:
            self.count += 1
            return Written(token, self._rest(), probability, "end_of_text")
        return self._pushed(token, self._decoder.push(token), probability)

    def push_text(self, text: str) -> Written:
        """Return one more piece, of which only the text is known."""
        return self._pushed(-1, text, math.nan)

    def ended(self, why: str) -> Written:
        """Return the end that somebody else has set, with what was held back."""
        return Written(-1, self._rest(), math.nan, why)

    def _pushed(self, token: int, text: str, probability: float) -> Written:
        self.count += 1
        text = self._stop.push(text)
        if self._stop.is_reached:
            return Written(token, text, probability, "stop")
        if self.count == self.settings.num_tokens:
            return Written(token, text + self._rest(), probability, "length")
        return Written(token, text, probability)

    def _rest(self) -> str:
        return self._stop.push(self._decoder.flush()) + self._stop.flush()


class Writing:
    """Iterates over what is written behind some tokens. Close it where not all of it is read."""

    def __init__(
        self,
        batch: Batch,
        tokens: Sequence[int],
        settings: SamplingSpec,
        tokenizer: Tokenizer,
        draft: Draft | None = None,
    ) -> None:
        self.batch, self.settings = batch, settings
        self.read = list(tokens)
        """The prompt and what was written."""
        self.start = 0
        """Where in it the window begins that the model sees."""
        self.row: Any = None
        """The batch's row that holds the window; None while it has none."""
        self.ready: deque[Written] = deque()
        self.is_over = self._has_joined = False
        self.draft = draft
        self.num_guessed = self.num_right = 0
        """Tokens that the draft guessed, and those of them that were drawn."""
        self._random = torch.Generator().manual_seed(settings.seed)
        self._shown = Shown(settings, tokenizer)

    def __iter__(self) -> Writing:
        return self

    def __next__(self) -> Written:
        if not self.ready and self.is_over:
            raise StopIteration
        if not self._has_joined:
            self._has_joined = True
            self.batch.join(self)
        while not self.ready:
            self.batch.step(self)
        return self.ready.popleft()

    def close(self) -> None:
        """Leave the batch. Any thread may do so."""
        self.is_over = True

    @property
    def num_left(self) -> int:
        """How many tokens may still come."""
        return self.settings.num_tokens - self._shown.count

    @property
    def window(self) -> list[int]:
        """The tokens that the model sees."""
        return self.read[self.start :]

    @property
    def unread(self) -> list[int]:
        """Those of them whose keys and values are not there yet."""
        return self.read[self.start + (len(self.row.tokens) if self.row else 0) :]

    def shorten(self, length: int) -> None:
        """Let the window be the last so many tokens."""
        self.start = len(self.read) - length

    def take(self, logits: Tensor) -> int:
        """Draw the next token from its logits (V,)."""
        token, probability = choose(logits, self.settings, seen=self.read, generator=self._random)
        written = self._shown.push(token, probability)
        self.ready.append(written)
        self.read.append(token)
        self.is_over = self.is_over or bool(written.end)
        return token
