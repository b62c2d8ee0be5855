"""Divides interactions into train, validation and test, so that no one learns from what comes after.

By time, two moments cut for all users alike: what is measured lies after all that was learnt from. Interactions of the same
moment are never parted. A user's last (`last`) is the usual short cut; other users' later interactions are then learnt from.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xxhash
from numpy.typing import NDArray

from trainer.data.interactions.reading import Table
from trainer.data.interactions.recipe import InteractionSplitStep
from trainer.errors import InputError

TRAIN, VALIDATION, TEST = 0, 1, 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Division:
    """Which split each interaction is in, and how that came about."""

    by: str
    splits: NDArray[np.uint8]
    cuts: tuple[int, int] | None = None
    """First moments of validation and of test; by time only."""


def divide(
    table: Table, step: InteractionSplitStep, users: list[str], items: list[str], *, has_times: bool
) -> Division:
    """Return the division; raise `InputError` where times are asked for and there are none. Needs order by time."""
    by = step.by if step.by != "auto" else ("time" if has_times else "chance")
    if by in ("time", "last") and not has_times:
        raise InputError(f"split.by is {by}, but the table has no column of times; choose it, or divide by chance")
    if by == "time":
        return _by_time(table, step)
    if by == "last":
        return Division(by=by, splits=_last(table))
    return Division(by=by, splits=_by_chance(table, step, users, items))


def lies_before(table: Table, step: InteractionSplitStep, *, has_times: bool) -> NDArray[np.bool_] | None:
    """Return which interactions lie before the validation, as far as that can be told yet; None where time divides nothing."""
    if not has_times or step.by not in ("auto", "time") or not len(table):
        return None
    return table.times < _cuts(table, step)[0]


def _cuts(table: Table, step: InteractionSplitStep) -> list[int]:
    """Return the first moments of validation and of test."""
    times = np.sort(table.times)
    wanted = (1 - step.test_fraction - step.validation_fraction, 1 - step.test_fraction)
    cuts = [int(times[min(round(share * len(times)), len(times) - 1)]) for share in wanted]
    if step.test_fraction == 0:
        cuts[1] = int(times[-1]) + 1
    if step.validation_fraction == 0:
        cuts[0] = cuts[1]
    return cuts


def _by_time(table: Table, step: InteractionSplitStep) -> Division:
    cuts = _cuts(table, step)
    splits = np.searchsorted(np.array(cuts), table.times, side="right").astype(np.uint8)
    if not (splits == TRAIN).any():
        raise InputError(
            "all interactions have nearly the same time, so there is no before to learn from; divide by chance "
            "(split.by), or choose another column of times"
        )
    return Division(by="time", splits=splits, cuts=(cuts[0], cuts[1]))


def _last(table: Table) -> NDArray[np.uint8]:
    """Give each user's last interaction to test and the one before to validation, where at least one is left to learn from."""
    order = np.lexsort((table.times, table.users))
    counts = np.bincount(table.users[order])
    ends = np.cumsum(counts)
    splits = np.zeros(len(table), np.uint8)
    splits[order[ends[counts >= 2] - 1]] = TEST
    splits[order[ends[counts >= 3] - 2]] = VALIDATION
    return splits


def _by_chance(table: Table, step: InteractionSplitStep, users: list[str], items: list[str]) -> NDArray[np.uint8]:
    """Divide by a hash of user and item, so that it depends on content alone and repeats stay together."""
    user_keys = np.array([xxhash.xxh64_intdigest(name.encode(), step.seed) for name in users], np.uint64)
    item_keys = np.array([xxhash.xxh64_intdigest(name.encode(), step.seed + 1) for name in items], np.uint64)
    with np.errstate(over="ignore"):
        mixed = (user_keys[table.users] * np.uint64(0x9E3779B97F4A7C15)) ^ item_keys[table.items]
        mixed ^= mixed >> np.uint64(29)
        mixed *= np.uint64(0xBF58476D1CE4E5B9)
        mixed ^= mixed >> np.uint64(32)
    place = mixed.astype(np.float64) / 2**64
    splits = np.zeros(len(table), np.uint8)
    splits[place < step.test_fraction + step.validation_fraction] = VALIDATION
    splits[place < step.test_fraction] = TEST
    return splits
