"""Which picture is meant by a name in a table or an annotation file, and what the folders of an upload say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

SPLIT_FOLDERS = {
    "train": 0, "training": 0, "val": 1, "valid": 1, "validation": 1, "dev": 1, "test": 2, "testing": 2,
}  # fmt: skip
"""Number of the split that folders of these names hold; years after them do not count, as in `val2017`."""


class Pictures:
    """The pictures of an upload by where they lie: the name of the zip, the folders in it, the file."""

    def __init__(self, places: Iterable[str]) -> None:
        self._by_name: dict[str, list[str]] = {}
        for place in places:
            pure = PurePosixPath(place)
            for name in {pure.name, pure.stem}:
                self._by_name.setdefault(name, []).append(place)

    def meant_by(self, name: str, *, said_in: str) -> tuple[list[str], bool]:
        """Return the pictures that a name may mean, and whether the folders in it are theirs.

        A name may lack folders, or have others before; its ending may be missing. Where several are left, those beside the
        file that says the name are meant, or those in a folder after which that file is called.
        """
        *folders, last = _parts(name) or ("",)
        found = self._by_name.get(last, [])
        alike = {place: _num_alike(folders, _parts(place)[:-1]) for place in found}
        most = max(alike.values(), default=0)
        found = [place for place in found if alike[place] == most]
        is_whole = any(most in (len(folders), len(_parts(place)) - 2) for place in found)
        return _nearest(found, "/".join([*folders, last]), said_in), is_whole


def _nearest(found: list[str], name: str, said_in: str) -> list[str]:
    folder, _, file = said_in.rpartition("/")
    words = set(re.split(r"[^a-z]+", PurePosixPath(file).stem.lower()))
    for is_near in (
        lambda place: place.startswith(f"{folder}/{name}"),
        lambda place: place.split("/")[0] == said_in.split("/")[0],
        lambda place: any(re.sub(r"\d+$", "", part.lower()) in words for part in _parts(place)[1:-1]),
    ):
        if len(found) > 1:
            found = [place for place in found if is_near(place)] or found
    return found


def _num_alike(these: Sequence[str], those: Sequence[str]) -> int:
    """Return how many folders are the same, counted from the file upwards."""
    count = 0
    for one, other in zip(reversed(these), reversed(those), strict=False):
        if one != other:
            break
        count += 1
    return count


def _parts(path: str) -> list[str]:
    return [part for part in path.replace("\\", "/").split("/") if part not in ("", ".", "..")]


class Folders:
    """What the folders of pictures say: the class by their name, the split where every picture lies in one that is called so."""

    def __init__(self, paths: Iterable[str]) -> None:
        """`paths` are those inside the zips, without the names of these."""
        folders = {PurePosixPath(path).parts[:-1] for path in paths}
        depth = min(map(len, folders), default=0)
        self._level = next((level for level in range(depth) if _divides({each[level] for each in folders})), None)
        self._has_inner = self._level is not None and any(len(each) > self._level + 1 for each in folders)

    @property
    def divide(self) -> bool:
        """Whether the folders say the splits."""
        return self._level is not None

    def split_of(self, path: str) -> int:
        """Return 0, 1 or 2 for training, validation or test; -1 where the folders do not say it."""
        return -1 if self._level is None else _split_called(PurePosixPath(path).parts[self._level])

    def class_of(self, path: str) -> str:
        """Return the name of the last folder; without one below the split, as in test/1.jpg beside train/cat/2.jpg, no class.

        Where no picture has one there, the folder above the split counts, as in cat/train/2.jpg.
        """
        folders = PurePosixPath(path).parts[:-1]
        if self._level is not None:
            folders = folders[self._level + 1 :] if self._has_inner else folders[: self._level]
        return folders[-1] if folders else ""

    def folder_of(self, path: str) -> str:
        """Return the whole folder without the split: two of them with one last name are told, for they count as one class."""
        folders = list(PurePosixPath(path).parts[:-1])
        if self._level is not None:
            del folders[self._level]
        return "/".join(folders)


def _divides(names: set[str]) -> bool:
    splits = {_split_called(name) for name in names}
    return -1 not in splits and 0 in splits and len(splits) > 1


def _split_called(folder: str) -> int:
    return SPLIT_FOLDERS.get(re.sub(r"[-_ ]?\d+$", "", folder.lower()), -1)
