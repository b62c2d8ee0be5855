"""Prepare a version of images: pictures and recipe in, packed pixels and a report out.

    1  read, decode, check, resize and hash, in threads       -> pixels on disk, a few numbers a picture in memory
    2  the same and nearly the same, splits                   -> a few numbers a picture
    3  pack each split                                        -> one file of pixels a split

The same files and recipe give the same content hash on any number of threads: results are taken in order.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from trainer.amounts import amount
from trainer.data import preparing
from trainer.data.images.duplicates import exact_roots, near_roots
from trainer.data.images.gather import Gathered, Reader, gather
from trainer.data.images.reading import read_images
from trainer.data.images.recipe import ImageRecipe
from trainer.data.images.report import Outcome, build_report, pairs_of, samples_of
from trainer.data.images.store import finish, write_split
from trainer.data.manifest import SPLIT_NAMES, VersionManifest
from trainer.data.preparing import Context, Watch
from trainer.data.recipe import SplitStep
from trainer.data.skipped import SkipCounter
from trainer.data.spec import PrepareSpec, recipe_hash
from trainer.data.split import TEST, TRAIN, VALIDATION, split_of_keys
from trainer.events import AnyEvent, Finished, Progress, Stopped


def run(spec: PrepareSpec, context: Context, *, reader: Reader = read_images) -> Finished | Stopped:
    """Do a job of kind `prepare` for images."""

    def made(folder: Path, watch: Watch) -> preparing.Outcome:
        manifest, report = prepare(spec, folder, emit=watch.emit, should_stop=watch.should_stop, reader=reader)
        num_classes = len(manifest.label_names)
        return preparing.Outcome(
            manifest=manifest,
            report=report,
            facts={"num_classes": num_classes},
            sentence=f"Prepared {amount(manifest.num_documents, 'image')} of {amount(num_classes, 'class', 'classes')}.",
        )

    return preparing.run_preparation(context, made)


def prepare(
    spec: PrepareSpec,
    folder: Path,
    *,
    emit: Callable[[AnyEvent], object] = lambda event: None,
    should_stop: Callable[[], bool] = lambda: False,
    reader: Reader = read_images,
) -> tuple[VersionManifest, dict[str, Any]]:
    """Return the manifest and the report; raise `InputError` with a sentence where there is nothing to learn from."""
    recipe: ImageRecipe = spec.recipe
    began = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    spool = folder / "pixels.part"
    skips = SkipCounter(recipe.read.max_broken_images)
    try:
        found = gather(spec, recipe, spool, skips, Watch(emit=emit, should_stop=should_stop), reader)
        shape = (len(found.labels), recipe.resize.side, recipe.resize.side, recipe.num_channels)
        pixels = np.memmap(spool, dtype=np.uint8, mode="r", shape=shape)
        emit(Progress(done=found.num_read, unit="image", phase="looking for duplicates"))
        outcome, near_pairs = _judge(found, skips, recipe)
        emit(Progress(done=found.num_read, unit="image", phase="packing"))
        outcome = replace(
            outcome,
            samples=samples_of(pixels, np.flatnonzero(outcome.keep), found, outcome.splits),
            pairs=pairs_of(pixels, near_pairs, found),
        )
        manifest = _pack(spec, folder, pixels, outcome)
    finally:
        spool.unlink(missing_ok=True)
    report = build_report(spec, outcome, manifest, seconds=time.monotonic() - began)
    (folder / "report.json").write_bytes(msgspec.json.encode(report))
    return manifest, report


def _judge(found: Gathered, skips: SkipCounter, recipe: ImageRecipe) -> tuple[Outcome, list[tuple[int, int, float]]]:
    """Find duplicates and divide into splits; return also the pairs that are nearly the same."""
    exact = exact_roots(np.array(found.digests, np.uint64))
    near, pairs = near_roots(np.array(found.hashes, np.uint64), np.stack(found.smalls), recipe.duplicates)
    order = np.arange(len(near), dtype=np.int32)
    is_copy = exact != order
    labels = np.array(found.labels, np.int32)
    others = np.stack([labels[exact], labels[near]])
    outcome = Outcome(
        found=found,
        skips=skips,
        removed_exact=is_copy & recipe.duplicates.exact,
        removed_near=(near != order) & ~is_copy & recipe.duplicates.near,
        in_two_classes=((others != labels) & (others >= 0) & (labels >= 0)).any(axis=0),
        splits=_splits(found, near, recipe),
    )
    return outcome, [pair for pair in pairs if not is_copy[pair[1]]]


def _pack(spec: PrepareSpec, folder: Path, pixels: NDArray[np.uint8], outcome: Outcome) -> VersionManifest:
    """Write each split and the manifest."""
    found, recipe = outcome.found, spec.recipe
    labels = np.array(found.labels, np.int32)
    (folder / "sources.jsonl").write_bytes(b"".join(msgspec.json.encode(name) + b"\n" for name in found.sources))
    chosen = {name: np.flatnonzero(outcome.keep & (outcome.splits == i)) for i, name in enumerate(SPLIT_NAMES)}
    is_hashed = all(source.sha256 for source in spec.sources)
    return finish(
        folder,
        splits={
            name: write_split(folder, name, pixels=pixels, chosen=chosen[name], labels=labels, boxes=found.boxes)
            for name in SPLIT_NAMES
        },
        data_kind=spec.data_kind,
        label_names=list(found.label_ids),
        facts={
            "side": recipe.resize.side,
            "num_channels": recipe.num_channels,
            "method": recipe.resize.method,
            **_channel_statistics(pixels, chosen["train"]),
        },
        recipe_hash=recipe_hash(spec.sources, recipe, data_kind=spec.data_kind) if is_hashed else "",
    )


def _splits(found: Gathered, near: NDArray[np.int32], recipe: ImageRecipe) -> NDArray[np.uint8]:
    """Return the split of each picture: the folder's, or by the smallest hash in its cluster, so by content alone.

    What is alike goes where the first of it lies. A part whose pictures have no class is as good as none.
    """
    keys = np.full(len(near), np.iinfo(np.uint64).max, np.uint64)
    np.minimum.at(keys, near, np.array(found.digests, np.uint64))
    step = SplitStep(
        validation_fraction=recipe.split.validation_fraction,
        test_fraction=recipe.split.test_fraction,
        seed=recipe.split.seed,
    )
    drawn, given = split_of_keys(keys, near, step), np.array(found.given_splits, np.int8)[near]
    if not recipe.split.keep_given or (given < 0).any():
        return drawn
    usable = given[np.array(found.labels) >= 0] if not found.boxes else given
    lacking = [split for split in (VALIDATION, TEST) if split not in usable]
    return np.where((given == TRAIN) & np.isin(drawn, lacking), drawn, given).astype(np.uint8)


def _channel_statistics(pixels: NDArray[np.uint8], train: NDArray[np.int64]) -> dict[str, list[float]]:
    """Return mean and deviation of each channel over the training split, from 0 to 1: what inputs are normalised by."""
    channels = pixels.shape[-1]
    total, squares, count = np.zeros(channels), np.zeros(channels), 0
    for first in range(0, len(train), 1_024):
        window = pixels[train[first : first + 1_024]].reshape(-1, channels).astype(np.float64) / 255
        total, squares, count = total + window.sum(0), squares + (window**2).sum(0), count + len(window)
    mean = total / max(count, 1)
    deviation = np.sqrt(np.maximum(squares / max(count, 1) - mean**2, 1e-6))
    return {"mean": np.round(mean, 6).tolist(), "deviation": np.round(deviation, 6).tolist()}
