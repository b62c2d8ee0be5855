"""The report of a preparation of images, in the form that pages know, and the pictures that it shows."""

from __future__ import annotations

import base64
import io
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trainer.data.images.drawing import draw_box
from trainer.data.images.gather import Gathered
from trainer.data.images.recipe import ImageRecipe
from trainer.data.manifest import SPLIT_NAMES, VersionManifest
from trainer.data.skipped import SkipCounter
from trainer.data.spec import PrepareSpec

NUM_SAMPLES, NUM_PAIRS = 24, 12
THUMBNAIL_SIDE = 96
BOXES_SIDE = 192
ONE = {"have": "has", "are": "is"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What the passes left behind that the report is made of; arrays have an entry for each picture."""

    found: Gathered
    skips: SkipCounter
    removed_exact: NDArray[np.bool_]
    removed_near: NDArray[np.bool_]
    in_two_classes: NDArray[np.bool_]
    """The same as, or nearly the same as, an earlier picture that has another class."""

    splits: NDArray[np.uint8]
    samples: list[dict[str, Any]] = field(default_factory=list)
    pairs: list[dict[str, Any]] = field(default_factory=list)

    @property
    def keep(self) -> NDArray[np.bool_]:
        return ~(self.removed_exact | self.removed_near)


def build_report(spec: PrepareSpec, outcome: Outcome, manifest: VersionManifest, *, seconds: float) -> dict[str, Any]:
    """Return the report in the form that pages know: steps with what went in and out and why."""
    found, keep, splits = outcome.found, outcome.keep, outcome.splits
    labels, names = np.array(found.labels, np.int32), list(found.label_ids)
    num_kept = int(keep.sum())
    num_decoded = len(labels) + sum(found.dropped.values())
    reasons = [
        {"reason": reason, "documents": count, "examples": found.dropped_examples[reason]}
        for reason, count in found.dropped.most_common()
    ]
    num_exact, num_near = int(outcome.removed_exact.sum()), int(outcome.removed_near.sum())
    image_bytes = spec.recipe.resize.side**2 * spec.recipe.num_channels
    per_class = _per_class(found, keep)
    warnings = _box_warnings(found, keep) if found.boxes else _warnings(per_class, splits, labels, keep, names)
    warnings += _odd_pictures(outcome)
    warnings += _folder_warnings(outcome, spec.recipe)
    return {
        "version": 1,
        "steps": [
            _step("read", None, num_decoded, found.bytes_read, None, []),
            _step("check", num_decoded, len(labels), None, None, reasons),
            _step("exact", len(labels), len(labels) - num_exact, None, None, []),
            _step("near", len(labels) - num_exact, num_kept, None, None, []),
            _step("resize", num_kept, num_kept, None, num_kept * image_bytes, []),
        ],
        "totals": {"documents": num_kept, "content_hash": manifest.content_hash, "recipe_hash": manifest.recipe_hash},
        "splits": {
            name: {"documents": split.num_documents, "tokens": 0, "bytes": split.num_bytes}
            for name, split in manifest.splits.items()
        },
        "labels": [
            {"label": names[label] if label >= 0 else "", "documents": count} for label, count in per_class.most_common()
        ],
        "sizes": [{"size": size, "images": count} for size, count in found.sizes.most_common(20)],
        "duplicates": {
            "exact": {"removed": num_exact}, "near": {"removed": num_near, "threshold": spec.recipe.duplicates.max_bits},
            "pairs": outcome.pairs,
        },
        "skipped": outcome.skips.as_report(),
        "samples": outcome.samples,
        "facts": manifest.facts,
        "warnings": [*warnings, *_balance(per_class, "boxes" if found.boxes else "images")],
        "recipe": spec.recipe.to_dict(),
        "sources": [
            {"name": source.display_name, "sha256": source.sha256, "bytes": Path(source.path).stat().st_size}
            for source in spec.sources
        ],
        "seconds": {"all": round(seconds, 3)},
    }  # fmt: skip


def _per_class(found: Gathered, keep: NDArray[np.bool_]) -> Counter[int]:
    """Count the pictures of each class, or the boxes of each label."""
    if not found.boxes:
        return Counter(np.array(found.labels, np.int32)[keep].tolist())
    return Counter(int(row[4]) for i in np.flatnonzero(keep) for row in found.boxes[i])


def _step(
    name: str, given: int | None, left: int, bytes_in: int | None, bytes_out: int | None, reasons: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "name": name, "documents_in": given, "documents_out": left, "bytes_in": bytes_in, "bytes_out": bytes_out,
        "reasons": reasons,
    }  # fmt: skip


def _warnings(
    per_class: Counter[int],
    splits: NDArray[np.uint8],
    labels: NDArray[np.int32],
    keep: NDArray[np.bool_],
    names: list[str],
) -> list[str]:
    found = []
    if len(names) < 2:
        found.append(
            "There are fewer than two classes, so there is nothing to tell apart. Put each class into a folder of its own, "
            "or add a table with the columns path and label."
        )
    if per_class.get(-1):
        found.append(f"{images(per_class[-1], 'have')} no class; models that tell classes apart leave them out.")
    in_train = set(labels[keep & (splits == 0)].tolist())
    unseen = sorted({int(label) for label in labels[keep & (splits != 0)].tolist()} - in_train - {-1})
    if unseen:
        listed = ", ".join(names[label] for label in unseen[:5])
        found.append(
            f"{len(unseen)} {'class is' if len(unseen) == 1 else 'classes are'} in validation or test and not in training: "
            f"{listed}."
        )
    return found


def images(count: int, verb: str) -> str:
    """Return how many images are or have something: `1 image has`, `3 images have`."""
    return f"{count:,} image {ONE[verb]}" if count == 1 else f"{count:,} images {verb}"


def _odd_pictures(outcome: Outcome) -> list[str]:
    found, doubtful = outcome.found, np.flatnonzero(outcome.in_two_classes)
    told = []
    if len(doubtful):
        example = found.sources[int(doubtful[0])]
        told.append(
            f"{images(len(doubtful), 'are')} the same, or nearly the same, as one of another class, such as {example}: one of "
            "both classes is wrong."
        )
    if found.moving:
        told.append(
            f"{images(len(found.moving), 'have')} several frames or pages, such as {found.moving[0]}: the first one is taken."
        )
    return told


def _folder_warnings(outcome: Outcome, recipe: ImageRecipe) -> list[str]:
    found, told = outcome.found, []
    shared = {label: sorted(folders) for label, folders in found.folders.items() if len(folders) > 1}
    if shared:
        label, folders = next(iter(shared.items()))
        told.append(
            f"{len(shared)} {'class lies' if len(shared) == 1 else 'classes lie'} in several folders of one name, such as "
            f"{label} in {folders[0]} and {folders[1]}: each counts as one class."
        )
    if recipe.split.keep_given and min(found.given_splits) >= 0:
        told.append(
            "The data are divided as their folders say; a part that they lack, or that has no class, was drawn from training. "
            "The recipe can divide them anew."
        )
    return told


def _box_warnings(found: Gathered, keep: NDArray[np.bool_]) -> list[str]:
    empty = sum(not len(found.boxes[i]) for i in np.flatnonzero(keep))
    return [f"{images(empty, 'have')} no box; a model learns from them what is nothing."] if empty else []


def _balance(per_class: Counter[int], unit: str) -> list[str]:
    counted = [count for label, count in per_class.items() if label >= 0]
    if not counted or max(counted) <= 10 * min(counted):
        return []
    return [f"Classes differ much in size: the smallest has {min(counted):,} {unit}, the largest {max(counted):,}."]


def samples_of(
    pixels: NDArray[np.uint8], kept: NDArray[np.int64], found: Gathered, splits: NDArray[np.uint8]
) -> list[dict[str, Any]]:
    """Return some pictures to look at, chosen by their content: the same data shows the same ones."""
    chosen = kept[np.argsort(np.array(found.digests, np.uint64)[kept], kind="stable")[:NUM_SAMPLES]]
    names = list(found.label_ids)
    return [
        {
            "picture": thumbnail(pixels[i], found.boxes[i] if found.boxes else None),
            "source": found.sources[i],
            "label": label_of(found, int(i), names),
            "split": SPLIT_NAMES[int(splits[i])],
        }
        for i in chosen
    ]


def label_of(found: Gathered, i: int, names: list[str]) -> str:
    """Return the class of a picture, or what is marked in it: `2 dog, 1 cat`."""
    if not found.boxes:
        return names[found.labels[i]] if found.labels[i] >= 0 else ""
    counted = Counter(names[int(row[4])] for row in found.boxes[i])
    return ", ".join(f"{count} {name}" for name, count in counted.most_common())


def pairs_of(pixels: NDArray[np.uint8], pairs: list[tuple[int, int, float]], found: Gathered) -> list[dict[str, Any]]:
    """Return the first pairs that are nearly the same, side by side."""

    def side(i: int) -> dict[str, Any]:
        return {"picture": thumbnail(pixels[i]), "source": found.sources[i]}

    return [
        {"difference": round(difference, 2), "kept": side(first), "removed": side(second)}
        for first, second, difference in pairs[:NUM_PAIRS]
    ]


def thumbnail(
    pixels: NDArray[np.uint8], boxes: NDArray[np.float32] | None = None, *, side: int = THUMBNAIL_SIDE
) -> str:
    """Return a small copy as a data URL, so that a report stands alone; larger and with its boxes, where it has some."""
    image = Image.fromarray(pixels if pixels.shape[-1] == 3 else pixels[..., 0])
    side = side if boxes is None else BOXES_SIDE
    image = image.resize((side, side), Image.Resampling.BOX if image.width > side else Image.Resampling.NEAREST)
    for row in boxes if boxes is not None else ():
        draw_box(image, row[:4] * (image.width / pixels.shape[0]), int(row[4]))
    out = io.BytesIO()
    image.save(out, format="JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode()
