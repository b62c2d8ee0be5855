"""Rules that say which of two answers is better, and how often one model wins by them. Knows no page and no model."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import scipy
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

RULES: dict[str, Promise] = {
    "wanted": gettext_lazy("has the wanted answer"),
    "contains": gettext_lazy("has this text"),
    "lacks": gettext_lazy("does not have this text"),
    "json": gettext_lazy("is valid JSON"),
    "shorter": gettext_lazy("is shorter"),
    "longer": gettext_lazy("is longer"),
}
WITH_TEXT = ("contains", "lacks")
"""Rules that look for a text that somebody wrote down."""


def judged(rule: str, text: str, first: str, second: str) -> str:
    """Return which answer the rule finds better: `first`, `second` or `tie`. `text` is what it looks for."""
    scores = [score(rule, text, answer) for answer in (first, second)]
    return "tie" if scores[0] == scores[1] else "first" if scores[0] > scores[1] else "second"


def score(rule: str, text: str, answer: str) -> float:
    if rule == "wanted":
        return float(bool(text) and text.strip() in answer)
    if rule in WITH_TEXT:
        return float((text in answer) == (rule == "contains"))
    if rule == "json":
        return float(is_json(answer))
    return len(answer) if rule == "longer" else -len(answer)


def is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, kw_only=True, slots=True)
class WinRate:
    """How often the second model won; a tie is half a win."""

    num_judged: int
    wins: int = 0
    losses: int = 0
    ties: int = 0
    rate: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def verdict(self) -> str:
        """`second` or `first` where the interval leaves out one half, `unclear` otherwise; empty where nothing is judged."""
        if self.low is None or self.high is None:
            return ""
        return "second" if self.low > 0.5 else "first" if self.high < 0.5 else "unclear"


def win_rate(winners: Iterable[str]) -> WinRate:
    """Return the second model's win rate with a 95 % interval (Clopper-Pearson; a tie counts half on either side).

    With ties the interval is wider than it need be, never narrower: a tie is no proof that the models are alike.
    """
    found: Sequence[str] = list(winners)
    wins, losses, ties = (found.count(name) for name in ("second", "first", "tie"))
    if not found:
        return WinRate(num_judged=0)
    total = len(found)
    low, high = exact_interval(wins + ties / 2, total)
    return WinRate(
        num_judged=total, wins=wins, losses=losses, ties=ties, rate=(wins + ties / 2) / total, low=low, high=high
    )  # fmt: skip


def exact_interval(wins: float, total: int, *, level: float = 0.95) -> tuple[float, float]:
    """Return the interval of a share that an exact binomial test does not refuse (Clopper and Pearson 1934)."""
    if total == 0:
        return 0.0, 1.0
    tail = (1 - level) / 2
    low = 0.0 if wins == 0 else float(scipy.stats.beta.ppf(tail, wins, total - wins + 1))
    high = 1.0 if wins == total else float(scipy.stats.beta.ppf(1 - tail, wins + 1, total - wins))
    return low, high
