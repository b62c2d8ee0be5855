"""From logits to the next token, and from tokens to text that may be shown: the last of the three steps of generation.

Order of the filters: repetition penalty, temperature, top-k, top-p, min-p. Each leaves at least the likeliest token.
Sources: Keskar et al. 2019 (repetition penalty), Holtzman et al. 2020 (top-p), Nguyen et al. 2024 (min-p).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from trainer.errors import SpecError

SORTED_FIRST = 512
"""The likeliest tokens mostly reach top-p; all are sorted only where they do not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SamplingSpec:
    """How text is drawn from a model's probabilities."""

    num_tokens: int = 128
    """Most tokens to write."""

    temperature: float = 0.8
    """Below 1: bolder towards the likely; above 1: more surprising; 0: always the likeliest token."""

    top_k: int = 0
    """Draw from so many likeliest tokens only. 0: from all."""

    top_p: float = 1.0
    """Draw from the likeliest tokens that together have this probability. 1: from all."""

    min_p: float = 0.0
    """Leave out tokens less likely than this fraction of the likeliest. 0: none."""

    repetition_penalty: float = 1.0
    """Above 1: tokens that were already there become less likely. 1: off."""

    stop: list[str] = field(default_factory=list)
    """Texts at which writing ends; they are not shown."""

    seed: int = 0
    """The same seed, prompt and settings write the same text."""

    def __post_init__(self) -> None:
        _within("num_tokens", self.num_tokens, 1, 100_000)
        _within("temperature", self.temperature, 0, 100)
        _within("top_k", self.top_k, 0, 1_000_000)
        _within("top_p", self.top_p, 0, 1)
        _within("min_p", self.min_p, 0, 1)
        _within("repetition_penalty", self.repetition_penalty, 0.01, 100)
        _within("seed", self.seed, 0, 2**63 - 1)
        if len(self.stop) > 16 or any(not text for text in self.stop):
            raise SpecError("stop must be at most 16 texts, none of them empty")


def distribution(logits: Tensor, settings: SamplingSpec, *, seen: Sequence[int]) -> Tensor:
    """Return the probabilities (V,) that the next token is drawn from, given its logits (V,)."""
    logits = logits.float().clone()
    if settings.repetition_penalty != 1 and seen:
        penalise(logits, torch.tensor(sorted(set(seen)), device=logits.device), settings.repetition_penalty)
    if settings.temperature == 0:
        return torch.zeros_like(logits).scatter_(0, logits.argmax(keepdim=True), 1.0)
    logits = logits / settings.temperature
    if 0 < settings.top_k < logits.numel():
        logits[logits < logits.topk(settings.top_k).values[-1]] = float("-inf")
    probabilities = logits.softmax(dim=0)
    if settings.top_p < 1:
        probabilities = keep_top_p(probabilities, settings.top_p)
    if settings.min_p > 0:
        probabilities = probabilities.where(probabilities >= settings.min_p * probabilities.max(), 0.0)
    return probabilities / probabilities.sum()


def penalise(logits: Tensor, tokens: Tensor, penalty: float) -> None:
    """Make tokens that were there less likely, in place: positive logits are divided, negative ones multiplied."""
    there = logits[tokens]
    logits[tokens] = torch.where(there > 0, there / penalty, there * penalty)


def keep_top_p(probabilities: Tensor, top_p: float) -> Tensor:
    """Leave the smallest set of likeliest tokens whose probabilities reach `top_p`."""
    count = min(SORTED_FIRST, probabilities.numel())
    ordered, tokens = probabilities.topk(count)
    if count < probabilities.numel() and float(ordered.sum()) < top_p:
        ordered, tokens = probabilities.sort(descending=True)
    elif count < probabilities.numel():
        probabilities = torch.zeros_like(probabilities).scatter_(0, tokens, ordered)
    reached_before = ordered.cumsum(dim=0) - ordered >= top_p
    reached_before[0] = False  # the likeliest stays, whatever top_p is
    return probabilities.scatter(0, tokens[reached_before], 0.0)


def draw(probabilities: Tensor, generator: torch.Generator) -> int:
    """Draw a token. On the processor always, so that a seed means the same on every device."""
    return int(torch.multinomial(probabilities.cpu(), 1, generator=generator))


def choose(
    logits: Tensor, settings: SamplingSpec, *, seen: Sequence[int], generator: torch.Generator
) -> tuple[int, float]:
    """Return the next token, given its logits (V,), and the probability that it had."""
    if settings.temperature == 0 and settings.repetition_penalty == 1:
        return int(logits.argmax()), 1.0
    probabilities = distribution(logits, settings, seen=seen)
    token = int(probabilities.argmax()) if settings.temperature == 0 else draw(probabilities, generator)
    return token, float(probabilities[token])


class StopAtText:
    """Lets text through up to the first stop text; holds back an end that may still become one."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = list(stops)
        self._held = ""
        self.is_reached = False

    def push(self, text: str) -> str:
        """Return what may be shown now."""
        self._held += text
        found = [at for stop in self._stops if (at := self._held.find(stop)) >= 0]
        if found:
            self.is_reached = True
            shown, self._held = self._held[: min(found)], ""
            return shown
        keep = max((self._overlap(stop) for stop in self._stops), default=0)
        shown, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        return shown

    def flush(self) -> str:
        """Return what was held back: no stop text came of it."""
        rest, self._held = self._held, ""
        return rest

    def _overlap(self, stop: str) -> int:
        """Return how many last characters are the beginning of `stop`."""
        longest = min(len(stop) - 1, len(self._held))
        return next((n for n in range(longest, 0, -1) if self._held.endswith(stop[:n])), 0)


def _within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise SpecError(f"{name} is {value}; it must be from {low:g} to {high:g}")
