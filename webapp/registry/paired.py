"""Whether one model is better than another on the same data: a paired test over the units that both were measured on.

A unit is a stretch of the split, measured on its own (trainer/training/units.py). The metric is a ratio of two sums over
units, so a resample of units gives a metric; both models are resampled together, so what is hard for both cancels. The
interval is a percentile bootstrap (Efron and Tibshirani 1993, ch. 13), the p-value a permutation test that swaps the
models unit by unit (Good 2005). Measures that are no such ratio (F1, MCC, AUROC, ECE) are paired example by example, from
the answers that the trainer kept (trainer/metrics/paired.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from trainer.errors import InputError
from trainer.metrics.paired import Difference, paired_differences
from trainer.metrics.scores import read_scores

NUM_RESAMPLES = 4_000
SEED = 20_241
MIN_UNITS = 8


class Units(msgspec.Struct, frozen=True, kw_only=True):
    """The sums of one split, unit by unit, as the trainer wrote them."""

    split: str
    content_hash: str
    counts: list[int]
    """How much each unit holds, in tokens; with another length of window the cuts differ."""

    sums: dict[str, list[float]]
    ratios: dict[str, tuple[str, str, float]]
    """Metric -> (sum above, sum below, factor)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PairedTest:
    """What the test found; `difference` is the second model's value minus the first's."""

    metric: str
    first: float
    second: float
    difference: float
    low: float
    high: float
    p_value: float
    num_units: int

    @classmethod
    def of_difference(cls, found: Difference) -> PairedTest:
        return cls(
            metric=found.name,
            first=found.first,
            second=found.second,
            difference=found.difference,
            low=found.low,
            high=found.high,
            p_value=found.p_value,
            num_units=found.num_examples,
        )

    @property
    def is_clear(self) -> bool:
        """The interval does not hold 0."""
        return self.low > 0 or self.high < 0


def tests_of_scores(first: Path, second: Path) -> dict[str, PairedTest]:
    """Return a test of each measure of the answers in two files; raise `NotPaired` where they are not of the same examples."""
    try:
        return dict(_tests_of_scores(first, second))
    except InputError as error:
        raise NotPaired(_("Their answers cannot be paired: %(why)s.") % {"why": error}) from error


@lru_cache(maxsize=64)  # what a job wrote does not change, and the draws take a second
def _tests_of_scores(first: Path, second: Path) -> tuple[tuple[str, PairedTest], ...]:
    found = paired_differences(read_scores(first), read_scores(second))
    return tuple((each.name, PairedTest.of_difference(each)) for each in found)


class NotPaired(Exception):
    """The two cannot be paired; the message says why."""


def read_units(path: Path) -> Units:
    return msgspec.json.decode(path.read_bytes(), type=Units)


def paired_test(a: Units, b: Units, metric: str, *, seed: int = SEED) -> PairedTest:
    """Return how b differs from a on a metric that both have."""
    if a.content_hash != b.content_hash or a.split != b.split:
        raise NotPaired(_("They were measured on different data, so nothing can be paired."))
    if metric not in a.ratios or metric not in b.ratios:
        raise NotPaired(_("%(metric)s is not a mean over units, so it cannot be resampled.") % {"metric": metric})
    above_a, below_a, above_b, below_b = _aligned(a, b, metric)
    num_units = len(above_a)
    if num_units < MIN_UNITS:
        raise NotPaired(
            _("Only %(n)d units could be paired; at least %(min)d are needed.") % {"n": num_units, "min": MIN_UNITS}
        )
    first, second = above_a.sum() / below_a.sum(), above_b.sum() / below_b.sum()
    chance = np.random.default_rng(seed)
    drawn = _resampled(above_a, below_a, above_b, below_b, chance)
    swapped = _swapped(above_a, below_a, above_b, below_b, chance)
    difference = float(second - first)
    low, high = np.quantile(drawn, [0.025, 0.975])
    beyond = int((np.abs(swapped) >= abs(difference) - 1e-15).sum())
    return PairedTest(
        metric=metric,
        first=float(first),
        second=float(second),
        difference=difference,
        low=float(low),
        high=float(high),
        p_value=(beyond + 1) / (len(swapped) + 1),
        num_units=num_units,
    )


Columns = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


def _aligned(a: Units, b: Units, metric: str) -> Columns:
    """Return the sums above and below of both, cut at the places that both have."""
    cuts_a, cuts_b = np.cumsum(a.counts), np.cumsum(b.counts)
    if len(cuts_a) == len(cuts_b) and np.array_equal(cuts_a, cuts_b):
        common = cuts_a
    elif len(cuts_a) and len(cuts_b) and cuts_a[-1] == cuts_b[-1]:
        common = np.intersect1d(cuts_a, cuts_b)
    else:
        raise NotPaired(_("The two read different amounts of the split, so their units do not match."))
    columns: list[NDArray[np.float64]] = []
    for units, cuts in ((a, cuts_a), (b, cuts_b)):
        over, under, factor = units.ratios[metric]
        columns += [_at_cuts(units.sums[over], cuts, common) * factor, _at_cuts(units.sums[under], cuts, common)]
    return columns[0], columns[1], columns[2], columns[3]


def _at_cuts(values: list[float], cuts: NDArray[Any], common: NDArray[Any]) -> NDArray[np.float64]:
    """Return the sums between the common cuts."""
    running = np.cumsum(np.asarray(values, dtype=np.float64))
    at: NDArray[np.float64] = running[np.searchsorted(cuts, common)]
    return np.diff(at, prepend=0.0)


def _resampled(
    above_a: NDArray[np.float64],
    below_a: NDArray[np.float64],
    above_b: NDArray[np.float64],
    below_b: NDArray[np.float64],
    chance: np.random.Generator,
) -> NDArray[np.float64]:
    """Return the difference of the metric in each resample of the units."""
    num = len(above_a)
    weights = chance.multinomial(num, np.full(num, 1 / num), size=NUM_RESAMPLES).astype(np.float64)
    found: NDArray[np.float64] = (weights @ above_b) / (weights @ below_b) - (weights @ above_a) / (weights @ below_a)
    return found


def _swapped(
    above_a: NDArray[np.float64],
    below_a: NDArray[np.float64],
    above_b: NDArray[np.float64],
    below_b: NDArray[np.float64],
    chance: np.random.Generator,
) -> NDArray[np.float64]:
    """Return the difference with the models swapped in a random half of the units, many times: if they were alike."""
    swap = chance.random((NUM_RESAMPLES, len(above_a))) < 0.5
    above = swap @ (above_a - above_b), swap @ (below_a - below_b)
    first = (above_a.sum() - above[0]) / (below_a.sum() - above[1])
    second = (above_b.sum() + above[0]) / (below_b.sum() + above[1])
    found: NDArray[np.float64] = second - first
    return found
