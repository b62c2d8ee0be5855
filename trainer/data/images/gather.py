"""First pass over pictures: decoded ahead in threads, their pixels written to a spool, a few numbers of each kept."""

from __future__ import annotations

import shutil
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.data.images.boxes import boxes_in_square
from trainer.data.images.decode import BrokenImageError, DecodedImage, decode
from trainer.data.images.reading import RawImage, read_images
from trainer.data.images.recipe import ImageRecipe
from trainer.data.preparing import Watch
from trainer.data.skipped import SkipCounter
from trainer.data.sources import SourceSpec
from trainer.data.spec import PrepareSpec
from trainer.data.workers import num_cores
from trainer.errors import InputError, TrainerError

Reader = Callable[[list[SourceSpec], SkipCounter], Iterator[RawImage]]
MAX_CLASSES = 100_000
NUM_EXAMPLES = 5


@dataclass(slots=True)
class Gathered:
    """A few numbers of every picture that was decoded and not dropped."""

    labels: list[int] = field(default_factory=list)
    digests: list[int] = field(default_factory=list)
    hashes: list[int] = field(default_factory=list)
    smalls: list[NDArray[np.uint8]] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    label_ids: dict[str, int] = field(default_factory=dict)
    num_read: int = 0
    bytes_read: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    dropped_examples: dict[str, list[str]] = field(default_factory=dict)
    moving: list[str] = field(default_factory=list)
    """Where pictures of several frames or pages lie."""
    sizes: Counter[str] = field(default_factory=Counter)
    folders: dict[str, set[str]] = field(default_factory=dict)
    """By class, the folders that say it."""
    given_splits: list[int] = field(default_factory=list)
    """0, 1 or 2 where a folder says it, -1 where none does."""
    boxes: list[NDArray[np.float32]] = field(default_factory=list)
    """Of data with boxes: (number, 6) a picture, as `store` has them."""


def gather(
    spec: PrepareSpec,
    recipe: ImageRecipe,
    spool: Path,
    skips: SkipCounter,
    watch: Watch,
    reader: Reader = read_images,
) -> Gathered:
    """Read every picture; write the pixels of those that stay to the spool."""
    found = Gathered()
    free = shutil.disk_usage(spool.parent).free
    image_bytes = recipe.resize.side**2 * recipe.num_channels
    with open(spool, "wb") as file:
        for raw, image in _decoded(reader(spec.sources, skips), recipe, num_cores(spec.num_threads), skips):
            watch.check()
            found.num_read += 1
            found.bytes_read += len(raw.data)
            if image is None:
                continue
            if image.dropped:
                found.dropped[image.dropped] += 1
                examples = found.dropped_examples.setdefault(image.dropped, [])
                if len(examples) < NUM_EXAMPLES:
                    examples.append(f"{raw.where} ({image.width} x {image.height})")
                continue
            _take(found, raw, image)
            if raw.boxes is not None:
                found.boxes.append(boxes_in_square(raw, image, recipe.resize, found.label_ids, skips))
            file.write(image.pixels.tobytes())
            if len(found.labels) * image_bytes * 2.2 > free:
                raise TrainerError(
                    "The disk is too full for these pictures. Free some space, then prepare again.", code="disk_full"
                )
            watch.progress("reading", found.num_read, unit="image")
    if not found.labels:
        why = "; ".join(f"{reason} ({count})" for reason, count in found.dropped.items())
        why = why or "; ".join(
            f"{row['reason']} ({row['count']}): {row['examples'][0]}" for row in skips.as_report()[:3]
        )
        raise InputError(f"No picture is left to learn from: {why}.")
    return found


def _take(found: Gathered, raw: RawImage, image: DecodedImage) -> None:
    if raw.label and raw.label not in found.label_ids and len(found.label_ids) >= MAX_CLASSES:
        raise InputError(f"There are more than {MAX_CLASSES:,} classes; the folder or table does not hold classes.")
    found.labels.append(found.label_ids.setdefault(raw.label, len(found.label_ids)) if raw.label else -1)
    found.digests.append(image.digest)
    found.hashes.append(image.difference_hash)
    found.smalls.append(image.small)
    found.sources.append(raw.where)
    found.given_splits.append(raw.split)
    if raw.folder:
        found.folders.setdefault(raw.label, set()).add(raw.folder)
    found.sizes[f"{image.width} x {image.height}"] += 1
    if image.num_frames > 1:
        found.moving.append(raw.where)


def _decoded(
    images: Iterator[RawImage], recipe: ImageRecipe, num_threads: int, skips: SkipCounter
) -> Iterator[tuple[RawImage, DecodedImage | None]]:
    """Decode ahead in threads (Pillow lets go of the interpreter), and yield in order; broken ones are counted."""
    with ThreadPoolExecutor(num_threads) as pool:
        waiting: deque[tuple[RawImage, Future[DecodedImage]]] = deque()
        for raw in images:
            waiting.append((raw, pool.submit(decode, raw.data, recipe)))
            while len(waiting) > 4 * num_threads:
                yield _result(*waiting.popleft(), skips)
        while waiting:
            yield _result(*waiting.popleft(), skips)


def _result(raw: RawImage, future: Future[DecodedImage], skips: SkipCounter) -> tuple[RawImage, DecodedImage | None]:
    try:
        return raw, future.result()
    except BrokenImageError as error:
        skips.broken("broken picture", raw.where, str(error))
        return raw, None
