"""Users and items that mean nothing, for steps that are timed: popular items are taken far more often than others."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from trainer.data.interactions.features import Encoded
from trainer.data.interactions.reading import Table
from trainer.data.interactions.store import Item, finish, open_split, write_side, write_split
from trainer.data.kinds import MadeUp
from trainer.data.manifest import SPLIT_NAMES

NUM_USERS, NUM_ITEMS, ITEMS_OF_USER = 1_000, 5_000, 60
NUM_USER_FEATURES, NUM_ITEM_FEATURES = 20, 50
POPULARITY_POWER = 3.0


def made_up_interactions(folder: Path) -> MadeUp:
    """Return a small catalogue, every user and item with one feature, written and opened as real ones are."""
    draw = np.random.default_rng(1)
    users, items = described(draw, NUM_USERS, NUM_USER_FEATURES), described(draw, NUM_ITEMS, NUM_ITEM_FEATURES)
    lines = [Item(str(number), "", 1, bag) for number, bag in enumerate(items.bags)]
    files = [
        *write_side(folder, "user", [str(number) for number in range(NUM_USERS)], users),
        *write_side(folder, "item", lines, items),
    ]
    splits = {
        name: write_split(folder, name, taken(draw), num_users=NUM_USERS, has_ratings=False) for name in SPLIT_NAMES
    }
    facts = {
        "num_users": NUM_USERS,
        "num_items": NUM_ITEMS,
        "has_times": True,
        "num_user_features": NUM_USER_FEATURES,
        "num_item_features": NUM_ITEM_FEATURES,
        "num_user_feature_entries": NUM_USERS,
        "num_item_feature_entries": NUM_ITEMS,
    }
    manifest = finish(folder, splits=splits, files=files, facts=facts, recipe_hash="")
    split = open_split(folder, "train", splits["train"], manifest)
    return MadeUp(split=split, facts=facts, files={file.path: folder / file.path for file in files})


def described(draw: np.random.Generator, count: int, num_values: int) -> Encoded:
    """Return one value of a feature for each of so many things."""
    values = draw.integers(0, num_values, count)
    return Encoded(names=[f"feature={n}" for n in range(num_values)], bags=[[int(value)] for value in values])


def taken(draw: np.random.Generator) -> Table:
    """Return what all users took, in an order."""
    count = NUM_USERS * ITEMS_OF_USER
    items = NUM_ITEMS * draw.random(count) ** POPULARITY_POWER
    return Table(
        users=np.repeat(np.arange(NUM_USERS, dtype=np.int32), ITEMS_OF_USER),
        items=items.astype(np.int32),
        times=np.arange(count, dtype=np.int64),
        ratings=np.full(count, np.nan, np.float32),
        weights=np.ones(count, np.float32),
    )
