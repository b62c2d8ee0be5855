"""Tables of interactions for tests."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from trainer.data.interactions.prepare import prepare
from trainer.data.interactions.recipe import InteractionRecipe
from trainer.data.shards import PreparedVersion, open_version
from trainer.data.sources import SourceSpec
from trainer.data.spec import PrepareSpec

DAY = 86_400
BEGIN = 1_700_000_000


def write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> Path:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def usual_rows(num_users: int = 30, num_items: int = 20, each: int = 10, seed: int = 0) -> list[list[Any]]:
    """Return rows of user, item, seconds; every user takes different items, one a day."""
    chance = np.random.default_rng(seed)
    rows = []
    for user in range(num_users):
        for day, item in enumerate(chance.choice(num_items, size=each, replace=False)):
            rows.append([f"用户{user}", f"商品{item}", BEGIN + day * DAY + user])
    return rows


def prepared(
    folder: Path, *paths: Path, recipe: InteractionRecipe | None = None
) -> tuple[PreparedVersion, dict[str, Any]]:
    sources = [SourceSpec(path=str(path)) for path in paths]
    spec = PrepareSpec(sources=sources, data_kind="interactions", recipe=recipe or InteractionRecipe())
    _, report = prepare(spec, folder)
    return open_version(folder), report


def pairs_of(version: PreparedVersion, split: str) -> list[tuple[str, str, int]]:
    """Return (user, item, milliseconds) of a split as it lies on disk."""
    opened = version.open_split(split)
    users, items = opened.user_names, opened.item_names
    own = opened.own
    return [(users[u], items[i], int(t)) for u, i, t in zip(own.users(), own.items, own.times, strict=True)]
