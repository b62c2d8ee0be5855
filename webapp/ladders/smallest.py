"""The smallest ladder there is: where the time is too short for a well-shaped one, it is made all the same, and says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from django.utils.translation import gettext as _

from economics.scaling.ladder_design import COOLDOWNS, SizePlan
from webapp.ladders.rungs import LEAST_STEPS, Common

SIZE_STEPS = (1.0, 1.6, 2.56)
"""Of the least size that can be made: near enough to be quick, far enough apart to be told from one another."""

LEAST_PARAMS = 5e4
SEARCHES = 24
HARDLY_BEGUN_TOKENS = 150_000
"""Runs below it have hardly begun to learn; laws of such runs alone came out too hopeful, by up to 8 %."""


def hardly_begun() -> str:
    return _(
        "Every rung sees fewer than %s tokens and has hardly begun to learn: laws of such runs were too hopeful."
    ) % (f"{HARDLY_BEGUN_TOKENS:,}")


def least_params(common: Common) -> float:
    """Return the smallest size worth making: its table of tokens must not be all of it."""
    return max(LEAST_PARAMS, 24.0 * (common.version.vocab_size or 0))


def least_tokens(common: Common) -> float:
    """Return the fewest tokens of a rung: a schedule needs some steps."""
    return float(LEAST_STEPS * common.tokens_per_step)


def smallest_ladder(
    common: Common, seconds_of: Callable[[Sequence[SizePlan]], float], budget_seconds: float, most_tokens: float
) -> tuple[SizePlan, ...]:
    """Return three of the smallest sizes at the same three token counts, as many as the time allows; never none."""
    low, high = least_tokens(common) / COOLDOWNS[0], max(most_tokens, least_tokens(common) / COOLDOWNS[0])
    if seconds_of(_sizes(common, high)) <= budget_seconds:
        return _sizes(common, high)
    for _search in range(SEARCHES):
        middle = float(np.sqrt(low * high))
        low, high = (middle, high) if seconds_of(_sizes(common, middle)) <= budget_seconds else (low, middle)
    return _sizes(common, low)


def target_along(sizes: Sequence[SizePlan], ratio: float) -> tuple[float, float]:
    """Return a run with so many times the compute of the largest rung and its tokens per parameter.

    Rungs so short tell nothing of the twenty tokens per parameter that a plan for quality takes.
    """
    largest = max(sizes, key=lambda size: size.num_params * size.num_tokens[-1])
    return largest.num_params * ratio**0.5, largest.num_tokens[-1] * ratio**0.5


def _sizes(common: Common, longest_tokens: float) -> tuple[SizePlan, ...]:
    tokens = tuple(longest_tokens * share for share in COOLDOWNS)
    return tuple(SizePlan(num_params=least_params(common) * step, num_tokens=tokens) for step in SIZE_STEPS)
