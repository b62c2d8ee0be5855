"""A user as the model sees it: history, what to recommend and why, the nearest users, and a map of the items around.

Why an item came up is asked of the model itself: by how much its score falls when one item of the history is taken out. That is
exact for what it says, whatever the family, and costs one pass over as many histories as there are items in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainer.data.interactions.features import Bags
from trainer.data.interactions.store import InteractionSplit
from trainer.data.shards import open_version
from trainer.errors import InputError
from trainer.inference.loading import LoadedModel
from trainer.recommend.examples import Examples, of_histories
from trainer.recommend.model import Recommender
from trainer.recommend.task import RecommenderTask
from trainer.training.measuring import to_device

MAX_TOP = 100
NUM_NEAREST = 8
NUM_REASONS = 3
NUM_ON_MAP = 300
MAX_SHOWN_HISTORY = 2_000
NUM_SUGGESTED = 300
BATCH_USERS = 1_024


class Profiles:
    """What is computed once for a loaded model: points of all items and users, and the axes of the map."""

    def __init__(self, loaded: LoadedModel) -> None:
        assert isinstance(loaded.task, RecommenderTask)
        assert isinstance(loaded.model, Recommender)
        self.task, self.model, self.device = loaded.task, loaded.model, str(loaded.device)
        self.item_numbers = {item.name: number for number, item in enumerate(self.task.items)}

    @cached_property
    def split(self) -> InteractionSplit | None:
        """Everybody's interactions; None where the data is not there any more."""
        try:
            version = open_version(Path(self.task.spec.data.path))
            self.task.require_fitting(version)
            found: InteractionSplit = version.open_split("test")
            return found
        except InputError:
            return None

    @cached_property
    def user_numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.split.user_names)} if self.split else {}

    @cached_property
    @torch.inference_mode()
    def item_points(self) -> Tensor:
        """(N, D), each of length one."""
        found = torch.cat([self.model.item_points(part) for part in self.model.catalogue.in_parts(65_536)])
        return torch.nn.functional.normalize(found.float(), dim=1)

    @cached_property
    def user_points(self) -> Tensor:
        """(U, D), each of length one."""
        return torch.nn.functional.normalize(self.raw_user_points(), dim=1)

    @torch.inference_mode()
    def raw_user_points(self) -> Tensor:
        """Return what stands for every user of the data, from all that is known of them (U, D)."""
        assert self.split is not None
        every = self.split.everything
        examples = Examples(self.split, max_history=self.task.model_spec.max_history)
        parts = []
        for first in range(0, self.split.num_users, BATCH_USERS):
            users = np.arange(first, min(first + BATCH_USERS, self.split.num_users))
            history = every.last(users, np.asarray(every.starts[users + 1]), examples.max_history)
            parts.append(self.model.user_points(to_device(examples.described(history, users), self.device)))
        return torch.cat(parts).float()

    @cached_property
    def axes(self) -> tuple[Tensor, Tensor, float]:
        """Mean of the items' points, the two directions in which they differ most, and what share of it those hold."""
        mean = self.item_points.mean(dim=0)
        _, spread, directions = torch.linalg.svd(self.item_points - mean, full_matrices=False)
        variance = spread.square()
        return mean, directions[:2], float(variance[:2].sum() / variance.sum().clamp(min=1e-12))

    @cached_property
    def popular(self) -> list[int]:
        counts = np.array([item.count for item in self.task.items])
        return [int(i) for i in np.argsort(-counts, kind="stable")]

    def features_of(self, user: int) -> list[int]:
        if self.split is None:
            return []
        bags: Bags = self.split.features("user")
        return [int(n) for n in bags.numbers[int(bags.starts[user]) : int(bags.starts[user + 1])]]

    def items_named(self, names: Sequence[str]) -> list[int]:
        """Return the numbers of items; raise `InputError` for one that the model does not know."""
        if unknown := [name for name in names if name not in self.item_numbers]:
            raise InputError(
                f"the model does not know the item {unknown[0]!r}; choose one of its {len(self.task.items):,} items"
            )
        return [self.item_numbers[name] for name in names]

    def shown(self, item: int) -> dict[str, Any]:
        found = self.task.items[item]
        return {"item": found.name, "title": found.shown, "count": found.count}


@torch.inference_mode()
def profile(
    loaded: LoadedModel, *, user: str = "", history: Sequence[str] | None = None, top: int = 10
) -> dict[str, Any]:
    """Return a user's profile; with `history` as if that were what the user took. Raises `InputError` for unknown names."""
    if not 1 <= top <= MAX_TOP:
        raise InputError(f"top is {top}; it must be from 1 to {MAX_TOP}")
    profiles = profiles_of(loaded)
    number = user_number(profiles, user, history)
    taken = taken_by(profiles, number)
    items = profiles.items_named(history) if history is not None else taken
    features = profiles.features_of(number) if number is not None else []
    scores, without = scores_of(profiles, items, features)
    scores[items] = float("-inf")
    best = [int(i) for i in scores.topk(min(top, len(scores))).indices if scores[i] > float("-inf")]
    point = point_of(profiles, items, features)
    names = profiles.task.user_feature_names
    return {
        "user": profiles.split.user_names[number] if profiles.split and number is not None else "",
        "features": [names[n] for n in features],
        "is_changed": items != taken,
        "history": [profiles.shown(item) for item in items[::-1][:MAX_SHOWN_HISTORY]],
        "num_history": len(items),
        "items": [
            {
                **profiles.shown(item),
                "score": float(scores[item]),
                "why": reasons(profiles, items, item, scores, without),
            }
            for item in best
        ],
        "nearest": nearest_users(profiles, point, number),
        "map": map_of(profiles, point, items, best),
        "users": suggested_users(profiles),
        "known_items": [profiles.shown(item) for item in profiles.popular[:NUM_SUGGESTED]],
        "note": ""
        if profiles.split
        else "The data that the model learnt from is not there any more: only a history given by hand can be asked about.",
    }


def profiles_of(loaded: LoadedModel) -> Profiles:
    """Return what was computed for the model; it stays as long as the model is in memory."""
    task = loaded.task
    assert isinstance(task, RecommenderTask)
    if task.profiles is None:
        task.profiles = Profiles(loaded)
    found: Profiles = task.profiles
    return found


def user_number(profiles: Profiles, user: str, history: Sequence[str] | None) -> int | None:
    """Return the number of the user that is asked about; without a name the first one, or nobody with a history by hand."""
    if user:
        if user not in profiles.user_numbers:
            raise InputError(f"there is no user {user!r} in the data; write a name as the table has it")
        return profiles.user_numbers[user]
    return 0 if history is None and profiles.user_numbers else None


def taken_by(profiles: Profiles, user: int | None) -> list[int]:
    if user is None or profiles.split is None:
        return []
    return [int(item) for item in profiles.split.everything.of(user)]


def scores_of(profiles: Profiles, items: list[int], features: list[int]) -> tuple[Tensor, Tensor]:
    """Return the scores of all items (N,), and the same without each item that the model reads of the history (H, N)."""
    read = items[-profiles.task.model_spec.max_history :]
    variants = [read, *([*read[:i], *read[i + 1 :]] for i in range(len(read)))]
    parts = []
    for first in range(0, len(variants), 64):
        some = variants[first : first + 64]
        batch = of_histories(some, [features] * len(some), max_history=profiles.task.model_spec.max_history)
        parts.append(profiles.model.score_all(to_device(batch, profiles.device)).float().cpu())
    scores = torch.cat(parts)
    return scores[0].clone(), scores[1:]


def reasons(profiles: Profiles, items: list[int], item: int, scores: Tensor, without: Tensor) -> list[dict[str, Any]]:
    """Return what of the history spoke most for an item: by how much its score falls without it."""
    read = items[-profiles.task.model_spec.max_history :]
    falls = (scores[item] - without[:, item]).tolist()
    strongest = sorted(zip(falls, read, strict=True), reverse=True)[:NUM_REASONS]
    return [{**profiles.shown(one), "change": fall} for fall, one in strongest if fall > 0]


def point_of(profiles: Profiles, items: list[int], features: list[int]) -> Tensor:
    batch = of_histories([items], [features], max_history=profiles.task.model_spec.max_history)
    found = profiles.model.user_points(to_device(batch, profiles.device)).float()
    return torch.nn.functional.normalize(found, dim=1)[0]


def nearest_users(profiles: Profiles, point: Tensor, number: int | None) -> list[dict[str, Any]]:
    if profiles.split is None:
        return []
    likeness = profiles.user_points @ point
    if number is not None:
        likeness[number] = -2
    best = likeness.topk(min(NUM_NEAREST, len(likeness)))
    every, names = profiles.split.everything, profiles.split.user_names
    return [
        {
            "user": names[user],
            "likeness": value,
            "latest": [profiles.task.items[int(i)].shown for i in every.of(user)[-3:][::-1]],
        }
        for value, user in zip(best.values.tolist(), best.indices.tolist(), strict=True)
        if user != number
    ]


def map_of(profiles: Profiles, point: Tensor, items: list[int], best: list[int]) -> dict[str, Any]:
    """Return places on a plane: the user, what it took, what is recommended, and the most popular of the other items."""
    mean, directions, share = profiles.axes
    kinds = dict.fromkeys(profiles.popular[:NUM_ON_MAP], "other")
    kinds |= dict.fromkeys(items[-MAX_SHOWN_HISTORY:], "history") | dict.fromkeys(best, "recommended")
    chosen = torch.tensor(list(kinds), device=profiles.item_points.device)
    places = ((profiles.item_points[chosen] - mean) @ directions.T).tolist()
    found = [
        {"title": profiles.task.items[item].shown, "kind": kind, "x": round(x, 4), "y": round(y, 4)}
        for (item, kind), (x, y) in zip(kinds.items(), places, strict=True)
    ]
    user: NDArray[np.float32] | None = None
    if len(point) == len(mean):
        user = ((point - mean) @ directions.T).cpu().numpy()
        found.append({"title": "", "kind": "user", "x": round(float(user[0]), 4), "y": round(float(user[1]), 4)})
    return {"share": share, "points": found}


def suggested_users(profiles: Profiles) -> list[str]:
    return profiles.split.user_names[:NUM_SUGGESTED] if profiles.split else []
