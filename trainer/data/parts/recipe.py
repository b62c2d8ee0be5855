"""Recipes for documents of parts: that of text, with checks of its own in front and milder defaults.

Short exercises (sums, dates, words) are as good a text as an essay here, and nearly the same ones are often wanted.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from trainer.data.recipe import FilterStep, NearStep, Recipe, TokenizerStep
from trainer.errors import SpecError


@dataclass(frozen=True, kw_only=True, slots=True)
class PairsStep:
    """Check the two sides of each pair against one another."""

    drop_identical: bool = True
    """Leave out pairs whose sides are the same: most often what nobody translated."""

    max_length_ratio: float = 0.0
    """How many times as long as the other one side may be, in characters; pairs of up to 20 characters always pass. 0: any."""

    both_ways: bool = False
    """Learn each pair in the other direction as well."""

    def __post_init__(self) -> None:
        if self.max_length_ratio and self.max_length_ratio < 1:
            raise SpecError(f"pairs.max_length_ratio is {self.max_length_ratio}; it must be 0 or at least 1")


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatsStep:
    """Which parts of a conversation are taken."""

    keep_system: bool = True
    """Keep system prompts; off: conversations begin with the first question."""

    max_turns: int = 0
    """Most questions of a conversation; the first ones stay. 0: all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PreferencesStep:
    """Check the better answer against the worse one."""

    min_difference: int = 0
    """Characters by which the two answers must at least differ in length. 0: any two different answers."""


def mild_filter() -> FilterStep:
    return FilterStep(
        min_characters=1, max_symbol_fraction=1.0, max_duplicate_line_fraction=1.0, max_repetition_fraction=1.0
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class PartsRecipe(Recipe):
    """What recipes for documents of parts have in common."""

    filter: FilterStep = field(default_factory=mild_filter)
    near: NearStep = field(default_factory=lambda: NearStep(enabled=False))
    tokenizer: TokenizerStep = field(default_factory=lambda: TokenizerStep(vocab_size=4_096))


@dataclass(frozen=True, kw_only=True, slots=True)
class PairsRecipe(PartsRecipe):
    """Pairs of texts."""

    pairs: PairsStep = field(default_factory=PairsStep)


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatsRecipe(PartsRecipe):
    """Conversations."""

    chats: ChatsStep = field(default_factory=ChatsStep)


@dataclass(frozen=True, kw_only=True, slots=True)
class PreferencesRecipe(PartsRecipe):
    """Questions with a better and a worse answer."""

    preferences: PreferencesStep = field(default_factory=PreferencesStep)
