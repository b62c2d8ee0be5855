"""Prepared images on disk, and opened again.

<split>/pixels.bin     uint8, (number, side, side, channels), mapped into memory
<split>/labels.bin     int32: id of each picture's class, -1 for none
<split>/origins.bin    int64: line in sources.jsonl
<split>/boxes.bin      float32, (number, 6): left, top, right, bottom in pixels, id of the label, 1 for a crowd; with boxes only
<split>/box_starts.bin int64: first box of each picture, and the number of boxes at the end
sources.jsonl          where each picture came from, one JSON string a line
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from trainer.data.manifest import FileInfo, SplitInfo, VersionManifest, content_hash, hash_file, write_manifest
from trainer.errors import InputError


class ImageSplit:
    """One split of prepared images. Reading copies only what is asked for."""

    num_tokens = 0

    def __init__(self, folder: Path, name: str, info: SplitInfo, manifest: VersionManifest) -> None:
        self.name, self.num_documents, self.num_bytes = name, info.num_documents, info.num_bytes
        self.side, self.num_channels = int(manifest.facts["side"]), int(manifest.facts["num_channels"])
        self._folder = folder
        shape = (self.num_documents, self.side, self.side, self.num_channels)
        self.pixels: NDArray[np.uint8] = _mapped(folder / name / "pixels.bin", "u1", shape)
        self.label_ids: NDArray[np.int32] = _mapped(folder / name / "labels.bin", "<i4", (self.num_documents,))

    def read(self, numbers: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return those pictures (B, side, side, channels)."""
        return self.pixels[numbers]

    def boxes_of(self, number: int) -> NDArray[np.float32]:
        """Return the boxes of a picture (number, 6), of data that has them."""
        return self.boxes[int(self.box_starts[number]) : int(self.box_starts[number + 1])]

    @cached_property
    def box_starts(self) -> NDArray[np.int64]:
        return _mapped(self._folder / self.name / "box_starts.bin", "<i8", (self.num_documents + 1,))

    @cached_property
    def boxes(self) -> NDArray[np.float32]:
        return _mapped(self._folder / self.name / "boxes.bin", "<f4", (int(self.box_starts[-1]), 6))

    def source_of(self, number: int) -> str:
        """Return the file that a picture came from."""
        return self._sources[int(self._origins[number])]

    @cached_property
    def _origins(self) -> NDArray[np.int64]:
        return _mapped(self._folder / self.name / "origins.bin", "<i8", (self.num_documents,))

    @cached_property
    def _sources(self) -> list[str]:
        return [
            msgspec.json.decode(line, type=str) for line in (self._folder / "sources.jsonl").read_bytes().splitlines()
        ]


def open_split(folder: Path, name: str, info: SplitInfo, manifest: VersionManifest) -> ImageSplit:
    return ImageSplit(folder, name, info, manifest)


def write_split(
    folder: Path,
    name: str,
    *,
    pixels: NDArray[np.uint8],
    chosen: NDArray[np.int64],
    labels: NDArray[np.int32],
    boxes: list[NDArray[np.float32]],
) -> SplitInfo:
    """Write the chosen pictures as a split, a window at a time; `boxes` is empty for data without."""
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    with open(place / "pixels.bin", "xb") as file:
        for first in range(0, len(chosen), 1_024):
            file.write(np.ascontiguousarray(pixels[chosen[first : first + 1_024]]).tobytes())
    labels[chosen].astype("<i4").tofile(place / "labels.bin")
    chosen.astype("<i8").tofile(place / "origins.bin")
    indexes = ["labels.bin", "origins.bin"]
    if boxes:
        mine = [boxes[i] for i in chosen]
        np.concatenate([*mine, np.empty((0, 6), np.float32)]).astype("<f4").tofile(place / "boxes.bin")
        np.cumsum([0, *map(len, mine)]).astype("<i8").tofile(place / "box_starts.bin")
        indexes += ["boxes.bin", "box_starts.bin"]
    return SplitInfo(
        num_documents=len(chosen),
        num_bytes=int(len(chosen) * np.prod(pixels.shape[1:], dtype=np.int64)),
        shards=[_info(folder, f"{name}/pixels.bin")],
        indexes=[_info(folder, f"{name}/{index}") for index in indexes],
    )


def finish(
    folder: Path,
    *,
    data_kind: str,
    splits: dict[str, SplitInfo],
    label_names: list[str],
    facts: dict[str, Any],
    recipe_hash: str,
) -> VersionManifest:
    """Write the manifest, last: a folder with a manifest is complete."""
    manifest = VersionManifest(
        data_kind=data_kind,
        content_hash="",
        recipe_hash=recipe_hash,
        label_names=label_names,
        facts=facts,
        splits=splits,
        files=[_info(folder, "sources.jsonl")],
    )
    manifest = replace(manifest, content_hash=content_hash(manifest))
    write_manifest(folder, manifest)
    return manifest


def _info(folder: Path, path: str) -> FileInfo:
    sha256, num_bytes = hash_file(folder / path)
    return FileInfo(path=path, sha256=sha256, num_bytes=num_bytes)


def _mapped(path: Path, dtype: str, shape: tuple[int, ...]) -> NDArray[Any]:
    if not shape[0]:
        return np.empty(shape, dtype)
    try:
        return np.memmap(path, dtype=dtype, mode="r", shape=shape)
    except (FileNotFoundError, ValueError) as error:
        raise InputError(f"{path} is missing or cut short ({error}); prepare the dataset again.") from error
