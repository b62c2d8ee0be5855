"""The recipe for interactions: what is done to them, step by step. Field docstrings are the help text of the form."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from trainer.data.fractions import check_fractions
from trainer.data.steps import StepsRecipe
from trainer.errors import SpecError
from trainer.limits import check_at_least


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadStep:
    """Read tables (CSV, TSV, JSONL, Parquet). A table without a column of users describes items, one without items users."""

    user_column: str = ""
    """Column of the users. Empty: detected."""

    item_column: str = ""
    """Column of the items. Empty: detected."""

    time_column: str = ""
    """Column of the times: seconds or milliseconds since 1970, or dates. Empty: detected; `-`: there is none."""

    rating_column: str = ""
    """Column of ratings. Empty: detected; `-`: there is none."""

    weight_column: str = ""
    """Column that says how much an interaction counts (a quantity, seconds watched). Empty: detected; `-`: there is none."""

    title_column: str = ""
    """Column with the name of an item that people read. Empty: detected; `-`: there is none."""

    user_features: str = ""
    """Columns that describe users, separated by commas (country, plan). A table of users adds all its columns."""

    item_features: str = ""
    """Columns that describe items, separated by commas (brand, genre; `a|b` holds two). A table of items adds all its columns."""

    max_broken_lines: int = 100
    """Broken rows that are skipped and counted; one more ends the preparation. 0: none allowed."""

    def __post_init__(self) -> None:
        check_at_least("read.max_broken_lines", self.max_broken_lines, 0)
        chosen = [name for name in (self.user_column, self.item_column, self.time_column) if name not in ("", "-")]
        if len(set(chosen)) < len(chosen):
            raise SpecError("read.item_column, read.user_column and read.time_column must be different columns")


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckStep:
    """Leave out copies, users that no person can be, and interactions that say no."""

    exact: bool = True
    """Remove copies: the same user, item and time; the first one stays."""

    repeats: Literal["keep", "first", "last"] = "keep"
    """Where a user took an item more than once: keep all, the first or the last."""

    min_rating: float = 0.0
    """Interactions with a lower rating are left out: they say no. 0: all stay."""

    max_per_minute: int = 120
    """Users with more interactions within one minute are bots and left out whole. 0: no limit."""

    max_per_user: int = 50_000
    """Users with more interactions are bots and left out whole. 0: no limit."""

    def __post_init__(self) -> None:
        for name in ("max_per_minute", "max_per_user"):
            check_at_least(f"check.{name}", getattr(self, name), 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class FilterStep:
    """Leave out users and items that there is too little of to learn or to measure; repeated until all that stay have enough."""

    min_per_user: int = 2
    """Fewest interactions of a user."""

    min_per_item: int = 2
    """Fewest interactions of an item. 1 keeps all, which a model that knows features can make use of."""

    def __post_init__(self) -> None:
        for name in ("min_per_user", "min_per_item"):
            check_at_least(f"filter.{name}", getattr(self, name), 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class InteractionSplitStep:
    """Divide into train, validation and test so that no model learns from what comes after."""

    by: Literal["auto", "time", "last", "chance"] = "auto"
    """time: test is the latest stretch of time, validation the one before. last: each user's last and last but one, though
    other users' later ones are learnt from. chance: by a hash, for data without times. auto: time where there are times."""

    validation_fraction: float = 0.1
    """Share of interactions for validation during training."""

    test_fraction: float = 0.1
    """Share of interactions for the one test at the end."""

    seed: int = 1
    """Another seed divides differently; by chance only."""

    session_gap_minutes: int = 30
    """A pause of this length ends a session; for the report only."""

    def __post_init__(self) -> None:
        check_fractions(self)
        check_at_least("split.session_gap_minutes", self.session_gap_minutes, 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class InteractionRecipe(StepsRecipe):
    """What is done to the interactions, in this order."""

    read: ReadStep = field(default_factory=ReadStep)
    check: CheckStep = field(default_factory=CheckStep)
    filter: FilterStep = field(default_factory=FilterStep)
    split: InteractionSplitStep = field(default_factory=InteractionSplitStep)
