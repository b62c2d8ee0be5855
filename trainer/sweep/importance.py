"""How much each setting of a sweep mattered, by itself: the share of the results' ranks that it explains.

A number is fitted by a parabola over its axis, so that a best value in the middle counts; a choice by the mean of each
value. Both shares are corrected for what chance alone explains with so many runs (adjusted R2). Ranks, since one run that
diverged would drown all others. Settings that only matter together are not seen; nothing here is a cause beyond what the
sweep itself drew. The interval is a bootstrap of the runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from trainer.sweep.space import Setting

MIN_RUNS = 6
ENOUGH_RUNS_A_SETTING = 10
NUM_DRAWS = 300
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Importance:
    name: str
    share: float
    """Of the spread of the ranks, from 0 to 1."""

    low: float
    high: float


def importances(
    settings: Sequence[Setting], values: Sequence[dict[str, Any]], results: Sequence[float], *, seed: int = 1
) -> list[Importance]:
    """Return the varied settings, the most important first; empty where fewer than six runs have a result."""
    if len(results) < MIN_RUNS:
        return []
    ranks = scipy.stats.rankdata(results).astype(np.float64)
    chance = np.random.default_rng(seed)
    draws = chance.integers(0, len(ranks), (NUM_DRAWS, len(ranks)))
    found = []
    for setting in settings:
        if setting.is_fixed:
            continue
        places = np.array([setting.share(each[setting.name]) for each in values])
        drawn = [explained(places[draw], ranks[draw], is_range=setting.is_range) for draw in draws]
        low, high = np.quantile(drawn, [0.1, 0.9])
        share = explained(places, ranks, is_range=setting.is_range)
        found.append(
            Importance(name=setting.name, share=share, low=min(float(low), share), high=max(float(high), share))
        )
    return sorted(found, key=lambda each: -each.share)


def explained(places: Floats, ranks: Floats, *, is_range: bool) -> float:
    """Return the share of the ranks' variance that a setting explains, corrected for the degrees of freedom it took."""
    spread, num = float(((ranks - ranks.mean()) ** 2).sum()), len(ranks)
    kinds = np.unique(places)
    if spread == 0 or len(kinds) < 2:
        return 0.0
    if is_range and len(kinds) > 2:
        fitted, num_free = np.polyval(np.polyfit(places, ranks, 2), places), 3
    else:
        fitted, num_free = np.zeros(num), len(kinds)
        for kind in kinds:
            fitted[places == kind] = ranks[places == kind].mean()
    if num <= num_free:
        return 0.0
    unexplained = float(((ranks - fitted) ** 2).sum()) / spread
    return max(0.0, 1 - unexplained * (num - 1) / (num - num_free))
