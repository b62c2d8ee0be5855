"""Batches of users: what they took as flat lists with starts, what describes them, what they have seen, what they then took."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainer.data.interactions.features import Bags
from trainer.data.interactions.store import InteractionSplit
from trainer.metrics.ranking import Truth
from trainer.recommend.ranking import seen_of, some, truth_of
from trainer.training.task import Batch

MAX_USERS = 50_000
"""Users of a split who are measured: from so many on intervals are narrow, and time and memory would only grow."""


class Examples:
    """One split, as batches are made from it."""

    def __init__(self, split: InteractionSplit, *, max_history: int) -> None:
        self.split, self.max_history = split, max_history
        self.is_ordered = bool(split.facts["has_times"])

    @cached_property
    def truth(self) -> Truth:
        """What is to be foretold; of very many users of an even choice, over whom the whole catalogue is ranked."""
        return some(truth_of(self.split), MAX_USERS)

    @cached_property
    def user_features(self) -> Bags:
        return self.split.features("user")

    @cached_property
    def users(self) -> NDArray[np.int64]:
        """User of each interaction."""
        return self.split.own.users()

    def interactions(self, numbers: NDArray[np.int64]) -> Batch:
        """Return interactions to learn from: each user's history before it (without times: its other items), and the item."""
        own, users = self.split.own, self.users[numbers]
        if self.is_ordered:
            history = own.last(users, numbers, self.max_history)
        else:
            history = others(own.starts, own.items, users, numbers, self.max_history)
        return {
            **self.described(history, users),
            "items": torch.from_numpy(np.asarray(own.items[numbers], np.int64)),
            "weights": torch.from_numpy(np.array(self.split.weights[numbers], np.float32)),
        }

    def people(self, rows: NDArray[np.int64]) -> Batch:
        """Return users of `truth` with their whole history, what they have seen, and what is to be foretold."""
        truth = self.truth
        seen = [seen_of(self.split, truth, int(row)) for row in rows]
        seen_starts, seen_items = flat(seen)
        target_starts, targets = flat([truth.targets[row] for row in rows])
        history = flat([items[-self.max_history :] for items in seen])
        return {
            **self.described(
                Bags(np.append(history[0], len(history[1])), history[1].astype(np.int32)), truth.users[rows]
            ),
            "rows": torch.from_numpy(rows),
            "seen": torch.from_numpy(seen_items),
            "seen_starts": torch.from_numpy(seen_starts),
            "targets": torch.from_numpy(targets),
            "target_starts": torch.from_numpy(target_starts),
        }

    def described(self, history: Bags, users: NDArray[np.int64]) -> Batch:
        """Return what a model reads of some users."""
        features = self.user_features.of(users)
        return tensors(history, features)


def tensors(history: Bags, features: Bags) -> Batch:
    return {
        "history": torch.from_numpy(history.numbers.astype(np.int64)),
        "history_starts": torch.from_numpy(history.starts[:-1].astype(np.int64)),
        "user_features": torch.from_numpy(features.numbers.astype(np.int64)),
        "user_feature_starts": torch.from_numpy(features.starts[:-1].astype(np.int64)),
    }


def of_histories(histories: Sequence[Sequence[int]], features: Sequence[Sequence[int]], *, max_history: int) -> Batch:
    """Return what a model reads of users that are given by hand."""
    bags = [np.asarray(items[-max_history:], np.int64) for items in histories]
    starts, numbers = flat(bags)
    feature_starts, feature_numbers = flat([np.asarray(each, np.int64) for each in features])
    return tensors(
        Bags(np.append(starts, len(numbers)), numbers.astype(np.int32)),
        Bags(np.append(feature_starts, len(feature_numbers)), feature_numbers.astype(np.int32)),
    )


def others(
    starts: NDArray[np.int64], items: NDArray[np.int32], users: NDArray[np.int64], numbers: NDArray[np.int64], most: int
) -> Bags:
    """Return for each interaction the user's other items: those around it, where there are more than `most`."""
    begins, ends = starts[users], starts[users + 1]
    first = np.clip(numbers - most // 2, begins, np.maximum(ends - most - 1, begins))
    last = np.minimum(first + most + 1, ends)
    lengths = last - first - 1
    bag_starts = np.concatenate([[0], np.cumsum(lengths)])
    places = np.arange(int(bag_starts[-1])) + np.repeat(first - bag_starts[:-1], lengths)
    places += places >= np.repeat(numbers, lengths)
    found = np.asarray(items[places])
    same = found == np.repeat(items[numbers], lengths)  # a repeat would give the answer away
    rows = np.repeat(np.arange(len(numbers)), lengths)[~same]
    kept = np.bincount(rows, minlength=len(numbers))
    return Bags(np.concatenate([[0], np.cumsum(kept)]), found[~same])


def flat(parts: Sequence[NDArray[np.integer]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where each part begins, and all of them behind one another."""
    lengths = np.array([len(part) for part in parts], np.int64)
    joined = np.concatenate([*parts, np.empty(0, np.int64)]).astype(np.int64)
    return np.cumsum(lengths) - lengths, joined


def padded(flat_items: Tensor, starts: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """Return lists as rows of one length (B, length), the last item at the right edge, and which places hold one."""
    ends = torch.cat([starts[1:], starts.new_tensor([len(flat_items)])])
    places = ends[:, None] - length + torch.arange(length, device=starts.device)
    is_there = places >= starts[:, None]
    if not len(flat_items):
        return torch.zeros_like(places), is_there
    return flat_items[places.clamp(min=0)] * is_there, is_there
