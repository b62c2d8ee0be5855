"""Prepared interactions on disk, and opened again. Each split is sorted by user and time.

<split>/starts.bin     int64: first interaction of each user, then their number
<split>/items.bin      int32: item of each
<split>/times.bin      int64: milliseconds since 1970, or the order of reading
<split>/weights.bin    float32
<split>/ratings.bin    float32, NaN where there is none; only where there are ratings
users.jsonl            name of each user
items.jsonl            [name, title, number in training, numbers of features] of each item; goes along with every model
<side>_features.json   number of a value -> `feature=value`; side is user or item
<side>_feature_starts.bin, <side>_feature_numbers.bin    int64, int32: a bag of them for each user or item
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from trainer.data.interactions.features import Bags, Encoded
from trainer.data.interactions.reading import Table
from trainer.data.manifest import (
    SPLIT_NAMES,
    FileInfo,
    SplitInfo,
    VersionManifest,
    content_hash,
    hash_file,
    write_manifest,
)
from trainer.errors import InputError

USERS, ITEMS = "users.jsonl", "items.jsonl"


class Item(msgspec.Struct, array_like=True, frozen=True):
    """A line of items.jsonl."""

    name: str
    title: str
    count: int
    """Interactions in training: 0 for a cold item."""

    features: list[int]

    @property
    def shown(self) -> str:
        return self.title or self.name


@dataclass(frozen=True, slots=True)
class Histories:
    """The interactions of every user, oldest first: `items[starts[u]:starts[u + 1]]`."""

    starts: NDArray[np.int64]
    items: NDArray[np.int32]
    times: NDArray[np.int64]

    @property
    def num_users(self) -> int:
        return len(self.starts) - 1

    def of(self, user: int) -> NDArray[np.int32]:
        return self.items[int(self.starts[user]) : int(self.starts[user + 1])]

    def users(self) -> NDArray[np.int64]:
        """Return the user of each interaction."""
        return np.repeat(np.arange(self.num_users), np.diff(self.starts))

    def counts(self, num_items: int) -> NDArray[np.int64]:
        """Return how often each item occurs."""
        return np.bincount(self.items, minlength=num_items)

    def last(self, users: NDArray[np.int64], ends: NDArray[np.int64], most: int) -> Bags:
        """Return for each user the items before `ends` (places in `items`), at most so many, oldest first."""
        starts, places = self.places(users, ends, most)
        return Bags(starts, np.asarray(self.items[places]))

    def places(
        self, users: NDArray[np.int64], ends: NDArray[np.int64], most: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the same as places: where those of each user begin among them, and they."""
        begins = np.maximum(self.starts[users], ends - most)
        lengths = ends - begins
        starts = np.concatenate([[0], np.cumsum(lengths)])
        return starts, np.arange(int(starts[-1])) + np.repeat(begins - starts[:-1], lengths)


def joined(parts: Sequence[Histories]) -> Histories:
    """Return the interactions of several splits as one; what a later split holds lies behind."""
    if len(parts) == 1:
        return parts[0]
    users = np.concatenate([part.users() for part in parts])
    order = np.argsort(users, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(users, minlength=parts[0].num_users))])
    return Histories(
        starts,
        np.concatenate([part.items for part in parts])[order],
        np.concatenate([part.times for part in parts])[order],
    )


class InteractionSplit:
    """One split, with what lies before it: the history from which its interactions are to be foretold."""

    num_tokens = 0

    def __init__(self, folder: Path, name: str, info: SplitInfo, manifest: VersionManifest) -> None:
        self.name, self.num_documents, self.num_bytes = name, info.num_documents, info.num_bytes
        self.facts = manifest.facts
        self.num_users, self.num_items = int(self.facts["num_users"]), int(self.facts["num_items"])
        self._folder, self._manifest = folder, manifest
        self.own = self._histories(name)

    def _histories(self, name: str) -> Histories:
        count, place = self._manifest.splits[name].num_documents, self._folder / name
        return Histories(
            _mapped(place / "starts.bin", "<i8", self.num_users + 1),
            _mapped(place / "items.bin", "<i4", count),
            _mapped(place / "times.bin", "<i8", count),
        )

    def sibling(self, name: str) -> InteractionSplit:
        """Return another split of the same version."""
        return InteractionSplit(self._folder, name, self._manifest.splits[name], self._manifest)

    @cached_property
    def weights(self) -> NDArray[np.float32]:
        return _mapped(self._folder / self.name / "weights.bin", "<f4", self.num_documents)

    @cached_property
    def before(self) -> Histories:
        """What is known of each user before this split; for the training split it is what is learnt from itself."""
        earlier = SPLIT_NAMES[: SPLIT_NAMES.index(self.name)] or ("train",)
        return joined([self._histories(name) for name in earlier])

    @cached_property
    def train(self) -> Histories:
        return self._histories("train")

    @cached_property
    def everything(self) -> Histories:
        return joined([self._histories(name) for name in SPLIT_NAMES])

    @cached_property
    def user_names(self) -> list[str]:
        return _lines(self._folder / USERS, str)

    @cached_property
    def item_names(self) -> list[str]:
        return [item.name for item in read_items(self._folder / ITEMS)]

    def features(self, side: str) -> Bags:
        """Return the bags of features of `user`s or `item`s."""
        count, values = int(self.facts[f"num_{side}s"]), int(self.facts[f"num_{side}_feature_entries"])
        return Bags(
            _mapped(self._folder / f"{side}_feature_starts.bin", "<i8", count + 1),
            _mapped(self._folder / f"{side}_feature_numbers.bin", "<i4", values),
        )

    def feature_names(self, side: str) -> list[str]:
        names: list[str] = msgspec.json.decode((self._folder / f"{side}_features.json").read_bytes())
        return names


def open_split(folder: Path, name: str, info: SplitInfo, manifest: VersionManifest) -> InteractionSplit:
    return InteractionSplit(folder, name, info, manifest)


def write_split(folder: Path, name: str, table: Table, *, num_users: int, has_ratings: bool) -> SplitInfo:
    """Write one split, sorted by user and time; what happened at the same moment stays in the order of reading."""
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    order = np.lexsort((table.times, table.users))
    table = table.take(order)
    starts = np.concatenate([[0], np.cumsum(np.bincount(table.users, minlength=num_users))])
    arrays = {
        "items": table.items.astype("<i4"),
        "starts": starts.astype("<i8"),
        "times": table.times.astype("<i8"),
        "weights": table.weights.astype("<f4"),
    }
    if has_ratings:
        arrays["ratings"] = table.ratings.astype("<f4")
    for what, array in arrays.items():
        array.tofile(place / f"{what}.bin")
    infos = {what: file_info(folder, f"{name}/{what}.bin") for what in arrays}
    shards = [infos.pop("items")]
    num_bytes = sum(array.nbytes for array in arrays.values())
    return SplitInfo(num_documents=len(table), num_bytes=num_bytes, shards=shards, indexes=list(infos.values()))


def write_side(folder: Path, side: str, lines: Sequence[Any], features: Encoded) -> list[FileInfo]:
    """Write names and features of users or items; return the files."""
    names = {"user": USERS, "item": ITEMS}[side]
    (folder / names).write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    (folder / f"{side}_features.json").write_bytes(msgspec.json.encode(features.names))
    bags = features.as_bags()
    bags.starts.astype("<i8").tofile(folder / f"{side}_feature_starts.bin")
    bags.numbers.astype("<i4").tofile(folder / f"{side}_feature_numbers.bin")
    files = (names, f"{side}_features.json", f"{side}_feature_starts.bin", f"{side}_feature_numbers.bin")
    return [file_info(folder, name) for name in files]


def finish(
    folder: Path, *, splits: dict[str, SplitInfo], files: list[FileInfo], facts: dict[str, Any], recipe_hash: str
) -> VersionManifest:
    """Write the manifest, last: a folder with a manifest is complete."""
    manifest = VersionManifest(
        data_kind="interactions", content_hash="", recipe_hash=recipe_hash, facts=facts, splits=splits, files=files
    )
    manifest = replace(manifest, content_hash=content_hash(manifest))
    write_manifest(folder, manifest)
    return manifest


def read_items(path: Path) -> list[Item]:
    """Return every item from items.jsonl, wherever a copy of it lies."""
    return _lines(path, Item)


def file_info(folder: Path, path: str) -> FileInfo:
    sha256, num_bytes = hash_file(folder / path)
    return FileInfo(path=path, sha256=sha256, num_bytes=num_bytes)


def _lines(path: Path, kind: Any) -> list[Any]:
    decoder = msgspec.json.Decoder(kind)
    try:
        return [decoder.decode(line) for line in path.read_bytes().splitlines()]
    except FileNotFoundError as error:
        raise InputError(f"{path} is missing; prepare the dataset again.") from error


def _mapped(path: Path, dtype: str, count: int) -> NDArray[Any]:
    if not count:
        return np.empty(0, dtype)
    try:
        return np.memmap(path, dtype=dtype, mode="r", shape=(count,))
    except (FileNotFoundError, ValueError) as error:
        raise InputError(f"{path} is missing or cut short ({error}); prepare the dataset again.") from error
