"""What is left out: copies, bots, interactions that say no, and users and items with too little."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data.interactions.reading import Table
from trainer.data.interactions.recipe import CheckStep, FilterStep
from trainer.data.interactions.times import show_time

MINUTE = 60_000
DAY = 86_400_000
NUM_EXAMPLES = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class LeftOut:
    """What one check removed, and why."""

    reason: str
    count: int
    examples: list[str]


def low_ratings(table: Table, step: CheckStep) -> NDArray[np.bool_]:
    """Return which interactions have a rating below the limit; those without a rating have none to be too low."""
    if step.min_rating == 0:
        return np.zeros(len(table), bool)
    return np.asarray(table.ratings < step.min_rating)


def takes_nothing(table: Table) -> NDArray[np.bool_]:
    """Return which interactions weigh nothing or less: something was given back."""
    return np.asarray(table.weights <= 0)


def copies(table: Table, step: CheckStep, *, has_times: bool) -> NDArray[np.bool_]:
    """Return which interactions are copies of another one, or repeats that are not wanted. Needs order by time."""
    removed = np.zeros(len(table), bool)
    if step.exact:
        moment = [table.times] if has_times else []  # without times, the same user and item are all there is to compare
        removed |= _repeated(table.users, table.items, *moment)
    if step.repeats != "keep":
        removed |= _repeated(table.users, table.items, backwards=step.repeats == "last")
    return removed


def _repeated(*keys: NDArray[Any], backwards: bool = False) -> NDArray[np.bool_]:
    """Return which rows have the same keys as one before (behind, if backwards)."""
    order = np.lexsort(keys)  # stable: rows with the same keys stay in their order
    same = np.ones(len(order), bool)
    for key in keys:
        same[1:] &= key[order][1:] == key[order][:-1]
    same[:1] = False
    if backwards:
        same = np.append(same[1:], False)
    removed = np.zeros(len(order), bool)
    removed[order] = same
    return removed


def busiest_minute(table: Table) -> NDArray[np.int64]:
    """Return for each user the most interactions within any one minute; 0 for all where times tell whole days alone."""
    num_users = int(table.users.max(initial=-1)) + 1
    most = np.zeros(num_users, np.int64)
    if not len(table) or bool((table.times % DAY == 0).all()):
        return most
    order = np.lexsort((table.times, table.users))
    users, times = table.users[order].astype(np.int64), table.times[order]
    moments = users * (int(times.max()) - int(times.min()) + 2 * MINUTE) + (times - int(times.min()))
    first = np.searchsorted(moments, moments - MINUTE, side="right")
    np.maximum.at(most, users, np.arange(len(users)) - first + 1)
    return most


def bots(
    table: Table, step: CheckStep, names: list[str], *, has_moments: bool
) -> tuple[NDArray[np.bool_], list[LeftOut]]:
    """Return which users are bots, and why."""
    counts = np.bincount(table.users, minlength=len(names))
    is_bot, reasons = np.zeros(len(names), bool), []
    checks = [("more interactions than a person has", counts, step.max_per_user)]
    if has_moments and step.max_per_minute:
        rates = np.zeros(len(names), np.int64)
        found = busiest_minute(table)
        rates[: len(found)] = found
        checks.append(("more interactions in a minute than a person can do", rates, step.max_per_minute))
    for reason, values, limit in checks:
        over = np.flatnonzero((values > limit) & ~is_bot) if limit else np.empty(0, np.int64)
        if len(over):
            worst = over[np.argsort(-values[over], kind="stable")][:NUM_EXAMPLES]
            examples = [f"{names[user]} ({int(values[user]):,})" for user in worst]
            reasons.append(LeftOut(reason=reason, count=int(counts[over].sum()), examples=examples))
            is_bot[over] = True
    return is_bot, reasons


def too_few(
    table: Table, step: FilterStep, is_before: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.bool_], list[LeftOut]]:
    """Return which interactions go because their user or item has too few, until all that stay have enough (a k-core).

    Only what `is_before` the validation counts, lest a rare item stay because of what comes later; new users and items,
    which have nothing before, are counted by what they have.
    """
    if is_before is None:
        is_before = np.ones(len(table), bool)
    keep, rounds = np.ones(len(table), bool), 0
    while True:
        users = _counted(table.users, keep, is_before)[table.users]
        items = _counted(table.items, keep, is_before)[table.items]
        enough = keep & (users >= step.min_per_user) & (items >= step.min_per_item)
        if int(enough.sum()) == int(keep.sum()):
            break
        keep, rounds = enough, rounds + 1
    removed = ~keep
    reason = f"users with fewer than {step.min_per_user} or items with fewer than {step.min_per_item} interactions"
    count = int(removed.sum())
    return removed, [LeftOut(reason=reason, count=count, examples=[f"after {rounds} rounds"])] if count else []


def _counted(numbers: NDArray[np.int32], keep: NDArray[np.bool_], is_before: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return how many kept interactions each user or item has before the validation, or in all where it is new."""
    size = int(numbers.max(initial=-1)) + 1
    is_old = np.bincount(numbers[is_before], minlength=size) > 0
    before, every = (np.bincount(numbers[chosen], minlength=size) for chosen in (keep & is_before, keep))
    return np.where(is_old, before, every)


def shown(table: Table, chosen: NDArray[Any], users: list[str], items: list[str], *, has_times: bool) -> list[str]:
    """Return some interactions as people read them."""
    found = []
    for row in np.flatnonzero(chosen)[:NUM_EXAMPLES]:
        when = f", {show_time(int(table.times[row]))}" if has_times else ""
        found.append(f"{users[table.users[row]]} – {items[table.items[row]]}{when}")
    return found
