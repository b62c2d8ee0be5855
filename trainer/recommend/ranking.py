"""Ranks the whole catalogue for users: what a user has seen is left out, and what it then took is looked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from trainer.data.interactions.store import InteractionSplit
from trainer.metrics.ranking import NUM_PLACES, Ranked, Truth

BATCH_USERS = 256
BATCH_SCORES = 1 << 25
"""Scores that are held at once: fewer users of a larger catalogue."""

Scores = Callable[[NDArray[np.int64]], NDArray[np.floating]]
"""Rows of `Truth` -> scores (rows, N)."""


def truth_of(split: InteractionSplit) -> Truth:
    """Return for each user of the split what is to be foretold: what it took there and had not taken before.

    Of the training split itself, where nothing lies before, the last fifth of each user's items is to be foretold.
    """
    own, before = split.own, split.before
    users, targets, lengths = [], [], []
    for user in np.flatnonzero(np.diff(own.starts)):
        taken, seen = np.unique(own.of(int(user))), before.of(int(user))
        if split.name == "train":
            seen = seen[: len(seen) - max(len(seen) // 5, 1)]
        new = np.setdiff1d(taken, seen)
        if len(new):
            users.append(int(user))
            targets.append(new.astype(np.int32))
            lengths.append(len(seen))
    return Truth(
        users=np.array(users, np.int64),
        targets=targets,
        history_lengths=np.array(lengths, np.int64),
        counts=split.train.counts(split.num_items),
        num_in_all=len(users),
    )


def some(truth: Truth, most: int) -> Truth:
    """Return an even choice of so many users."""
    if len(truth.users) <= most:
        return truth
    return truth.of(np.linspace(0, len(truth.users) - 1, most).astype(np.int64))


def seen_of(split: InteractionSplit, truth: Truth, row: int) -> NDArray[np.int32]:
    """Return what a user had taken before, oldest first."""
    return split.before.of(int(truth.users[row]))[: int(truth.history_lengths[row])]


def rank(
    scores: NDArray[np.floating], seen: Sequence[NDArray[np.int32]], targets: Sequence[NDArray[np.int32]]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the first places (B, K) and the place of the best target (B,). Ties count half: sameness earns nothing."""
    scores = np.array(scores, np.float32)
    for row, items in enumerate(seen):
        scores[row, items] = -np.inf
    num_places = min(NUM_PLACES, scores.shape[1])
    top = np.argpartition(-scores, num_places - 1, axis=1)[:, :num_places]
    order = np.argsort(-np.take_along_axis(scores, top, axis=1), axis=1, kind="stable")
    top = np.take_along_axis(top, order, axis=1)
    best = np.array([scores[row, items].max() for row, items in enumerate(targets)], np.float32)[:, None]
    rank_of_best = 1 + (scores > best).sum(axis=1) + ((scores == best).sum(axis=1) - 1) / 2
    return top.astype(np.int64), rank_of_best.astype(np.float64)


def rank_all(name: str, scores: Scores, split: InteractionSplit, truth: Truth) -> Ranked:
    """Return what `scores` put first for every user."""
    tops, ranks = [], []
    at_once = max(1, min(BATCH_USERS, BATCH_SCORES // split.num_items))
    for first in range(0, len(truth.users), at_once):
        rows = np.arange(first, min(first + at_once, len(truth.users)))
        seen = [seen_of(split, truth, int(row)) for row in rows]
        top, first_rank = rank(scores(rows), seen, [truth.targets[row] for row in rows])
        tops.append(top)
        ranks.append(first_rank)
    return Ranked(name=name, truth=truth, top=np.concatenate(tops), first_rank=np.concatenate(ranks))
