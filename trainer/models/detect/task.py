"""How a detector learns: an example is a picture with its boxes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from trainer.data.images.store import ImageSplit
from trainer.errors import InputError, SpecError
from trainer.formats.graph import Graph, picture_graph
from trainer.metrics.change import Change
from trainer.metrics.detection import OVERLAPS, area_under, match_pictures, summary
from trainer.metrics.detection_report import changes_of_precision, detection_report
from trainer.metrics.labels import Floats
from trainer.metrics.report import EvaluationReport, Picture
from trainer.models.detect.augment import vary
from trainer.models.detect.boxes import suppress
from trainer.models.detect.drawing import answer, draw, draw_shown
from trainer.models.detect.model import Detector
from trainer.models.detect.spec import DetectSpec
from trainer.models.detect.targets import detection_loss, taught_loss
from trainer.models.vision.cutting import cut_resnet
from trainer.models.vision.picture import to_tensor
from trainer.models.vision.task import to_bytes, to_pictures
from trainer.spec import TrainSpec
from trainer.training.assets import Assets
from trainer.training.task import Batch, Task
from trainer.training.teacher import Teacher

NUM_BINS = 1_000
"""Steps of certainty in which a pass during training counts; the last pass, and the report, are exact."""

MOST_BEFORE = 1_000
"""Boxes of a picture, the surest, of which those that were found twice are taken out."""

NUM_SHOWN = 6
Told = tuple[Tensor, Tensor, Tensor]
"""What `Detector` puts out."""


class DetectTask(Task):
    def __init__(self, spec: TrainSpec, assets: Assets) -> None:
        super().__init__(spec, assets)
        self.model_spec: DetectSpec = spec.model
        self.side, self.num_channels = int(assets.facts["side"]), int(assets.facts["num_channels"])

    @property
    def names(self) -> tuple[str, ...]:
        return self.assets.label_names

    def build_model(self) -> Detector:
        if not self.names:
            raise InputError("the prepared pictures have no box; add a COCO file or YOLO text files and prepare again")
        if self.side % 32:
            raise InputError(f"a detector needs pictures whose side is a multiple of 32; these have {self.side}")
        facts = self.assets.facts
        return Detector(
            self.model_spec, side=self.side, num_channels=self.num_channels, num_classes=len(self.names),
            mean=facts["mean"], deviation=facts["deviation"],
        )  # fmt: skip

    def cut(self, weights: dict[str, Tensor], source: DetectSpec) -> dict[str, Tensor]:
        """Take channels out of the blocks of the ResNet; the pyramid and the head stay as they are."""
        own = self.model_spec
        if own.inner_fraction >= source.inner_fraction:
            raise SpecError(
                f"prune.method is structured, and model.inner_fraction is {own.inner_fraction}, not below the "
                f"{source.inner_fraction} of transfer.source: make it smaller"
            )
        return cut_resnet(
            dict(weights), ["backbone."], own.backbone,
            width_fraction=own.width_fraction, inner_fraction=own.inner_fraction,
        )  # fmt: skip

    def num_examples(self, split: ImageSplit) -> int:
        if not split.num_documents:
            raise InputError(f"the {split.name} split holds no picture")
        return split.num_documents

    def batch(self, split: ImageSplit, examples: np.ndarray) -> Batch:
        numbers = np.asarray(examples, np.int64)
        each = [split.boxes_of(int(number)) for number in numbers]
        most = max(1, *(len(boxes) for boxes in each))
        most = 1 << (most - 1).bit_length()  # few shapes, so that a compiled step is compiled seldom
        table = np.zeros((len(each), most, 6), np.float32)
        for row, boxes in zip(table, each, strict=True):
            row[: len(boxes)] = boxes
        return {
            "pixels": torch.from_numpy(split.read(numbers)),  # (B, S, S, C)
            "boxes": torch.from_numpy(table),  # (B, M, 6)
            "counts": torch.tensor([len(boxes) for boxes in each]),
            "documents": torch.from_numpy(numbers),
        }

    def training_pictures(self, batch: Batch) -> list[Picture]:
        few = {name: tensor[:NUM_SHOWN] for name, tensor in batch.items()}
        pictures, boxes = self.varied(few)
        rows = torch.cat([boxes, few["boxes"][..., 4:5]], dim=-1).double().numpy()  # (B, M, 5)
        return [
            draw_shown(to_bytes(picture), row[:count][row[:count, 2] > row[:count, 0]], self.names)
            for picture, row, count in zip(pictures, rows, few["counts"].tolist(), strict=True)
        ]

    @torch.no_grad()
    def varied(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the pictures (B, C, S, S) as they are shown this time, and where their boxes (B, M, 4) are then."""
        return vary(to_pictures(batch["pixels"]), batch["boxes"][..., :4], self.model_spec)

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        pictures, boxes = self.varied(batch)
        return self._loss(model, model(pictures), boxes, batch)

    @property
    def classes(self) -> tuple[str, ...]:
        return self.names

    def distilled_loss(self, model: nn.Module, batch: Batch, *, teacher: Teacher) -> Tensor:
        """Both see the same variation of each picture, and answer at the same places."""
        pictures, boxes = self.varied(batch)
        told = model(pictures)
        with torch.no_grad():
            taught = teacher.model(pictures)
        if taught[0].shape != told[0].shape:
            raise InputError(
                f"distil.teacher answers at {taught[0].size(1):,} places of a picture and this model at {told[0].size(1):,}: "
                "give model.finest_stride the teacher's value"
            )
        soft = taught_loss(told, taught, teacher.temperature)
        return (1 - teacher.weight) * self._loss(model, told, boxes, batch) + teacher.weight * soft

    def _loss(self, model: nn.Module, told: Told, boxes: Tensor, batch: Batch) -> Tensor:
        logits, found, centreness = told
        places: Tensor = model.places  # type: ignore[assignment]
        is_crowd = batch["boxes"][..., 5] > 0
        return detection_loss(
            logits, found, centreness, places=places, strides=model.strides,  # type: ignore[arg-type]
            boxes=boxes * ~is_crowd[..., None], labels=batch["boxes"][..., 4].long(), counts=batch["counts"],
            ignored=inside(places, boxes * is_crowd[..., None]),
        )  # fmt: skip

    def count(self, batch: Batch) -> int:
        return len(batch["counts"])

    def evaluation_batches(self, split: ImageSplit, *, batch_size: int, max_batches: int) -> Iterator[Batch]:
        chosen = np.arange(split.num_documents)
        if max_batches and len(chosen) > max_batches * batch_size:
            chosen = np.linspace(0, len(chosen) - 1, max_batches * batch_size).astype(np.int64)
        for first in range(0, len(chosen), batch_size):
            yield self.batch(split, chosen[first : first + batch_size])

    def measure(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        told, count = model(to_pictures(batch["pixels"])), len(batch["counts"])
        found, there = self.found(told), truth_of(batch)
        matched = match_pictures(found, there, num_classes=len(self.names))
        tables = np.zeros((2, len(OVERLAPS), len(self.names), NUM_BINS))
        bins = np.minimum((matched.score * NUM_BINS).astype(np.int64), NUM_BINS - 1)
        for table, counted in zip(tables, (matched.is_right, ~matched.is_right & ~matched.is_ignored), strict=True):
            for overlap in range(len(OVERLAPS)):
                np.add.at(table[overlap], (matched.label, bins), counted[overlap])
        return {
            "loss": self._loss(model, told, batch["boxes"][..., :4], batch) * count,
            "images": torch.tensor(count),
            "found": torch.from_numpy(tables),
            "there": torch.from_numpy(np.append(matched.num_there.sum(axis=0), 0)),  # one more: never a single number
        }

    def summarise(self, totals: dict[str, Any]) -> dict[str, float]:
        right, wrong = np.cumsum(totals["found"][..., ::-1], axis=-1)  # (T, K, bins) each, by falling certainty
        there = totals["there"][:-1]
        precisions = np.full(right.shape[:2], np.nan)
        for label in np.flatnonzero(there):
            for overlap in range(len(OVERLAPS)):
                precisions[overlap, label] = area_under(right[overlap, label], wrong[overlap, label], there[label])
        return {"loss": totals["loss"] / totals["images"], **summary(precisions), "num_images": totals["images"]}

    def details(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        table = np.full((len(batch["counts"]), self.model_spec.max_boxes, 6), np.nan, np.float32)
        for row, boxes in zip(table, self.found(model(to_pictures(batch["pixels"]))), strict=True):
            row[: len(boxes)] = boxes
        return {"found": torch.from_numpy(table), "documents": batch["documents"]}

    def changes(self, split: ImageSplit, before: dict[str, np.ndarray], after: dict[str, np.ndarray]) -> list[Change]:
        there = [split.boxes_of(int(number)).astype(np.float64) for number in before["documents"]]
        matched = [match_pictures(boxes_told(rows), there, num_classes=len(self.names)) for rows in (before, after)]
        return changes_of_precision(*matched)

    def report(self, split: ImageSplit, rows: dict[str, np.ndarray]) -> EvaluationReport | None:
        found = boxes_told(rows)
        numbers = [int(number) for number in rows["documents"]]
        there = [split.boxes_of(number).astype(np.float64) for number in numbers]
        return detection_report(
            split=split.name, names=self.names, found=found, there=there, documents=rows["documents"],
            show=lambda i, mine, truth: self.shown(split, numbers[i], mine, truth),
        )  # fmt: skip

    def shown(self, split: ImageSplit, number: int, found: Floats, there: Floats) -> Picture:
        """Return a picture with what was told surely, and what is there."""
        return draw(split.read(np.array([number]))[0], found, there, self.names, source=split.source_of(number))

    def sample_pictures(self, model: nn.Module, split: ImageSplit) -> list[Picture]:
        numbers = np.linspace(0, split.num_documents - 1, min(NUM_SHOWN, split.num_documents)).astype(np.int64)
        device = next(model.parameters()).device
        with torch.no_grad():
            found = self.found(model(to_pictures(torch.from_numpy(split.read(numbers)).to(device))))
        return [
            self.shown(split, int(number), boxes, split.boxes_of(int(number)).astype(np.float64))
            for number, boxes in zip(numbers, found, strict=True)
        ]

    def found(self, told: Told) -> list[Floats]:
        """Return for each picture what is in it (D, 6), surest first: left, top, right, bottom, label, certainty."""
        logits, boxes, centreness = told
        certainty = (logits.sigmoid() * centreness.sigmoid()[..., None]).sqrt()  # (B, N, K)
        return [self._found(*each) for each in zip(certainty, boxes, strict=True)]

    def _found(self, certainty: Tensor, boxes: Tensor) -> Floats:
        place, label = (certainty > self.model_spec.score_threshold).nonzero(as_tuple=True)
        scores = certainty[place, label]
        if len(scores) > MOST_BEFORE:
            scores, best = scores.topk(MOST_BEFORE)
            place, label = place[best], label[best]
        mine = boxes[place].clamp(0, self.side)
        kept = suppress(
            mine, scores, label, threshold=self.model_spec.overlap_threshold, limit=self.model_spec.max_boxes
        )
        rows = torch.cat([mine[kept], label[kept, None].float(), scores[kept, None]], dim=1)
        return rows.double().cpu().numpy()

    def documents(self, split: ImageSplit, example: int) -> Sequence[int]:
        return [example]

    def graph(self, model: nn.Module) -> Graph:
        """For each place of a picture the logits of the classes, then left, top, right and bottom as shares of its side, then
        the logit of how near the middle of its box it lies."""
        return picture_graph(
            DetectorGraph(model, self.side), num_channels=self.num_channels, side=self.side,
            output_name="classes_box_centreness",
        )  # fmt: skip

    def facts(self, model: nn.Module) -> dict[str, Any]:
        assert isinstance(model, Detector)
        return {
            "num_parameters": sum(p.numel() for p in model.parameters()),
            "parameters_by_part": model.parts(),
            "num_labels": len(self.names),
            "image_side": self.side,
            "num_channels": self.num_channels,
        }

    def head_names(self, model: nn.Module) -> set[str]:
        """The pyramid and the head: what a classifier's ResNet, from which one starts, does not have."""
        return {name for name, _ in model.named_parameters() if not name.startswith("backbone.")}

    def block_of(self, name: str) -> int | None:
        """A stage of the ResNet."""
        found = re.match(r"backbone\.layer(\d)\.", name)
        return int(found[1]) - 1 if found else None

    def is_below(self, name: str) -> bool:
        return name.startswith(("backbone.conv1", "backbone.bn1"))

    def adopt(self, weights: dict[str, Tensor], *, family: str) -> dict[str, Tensor]:
        """Take the ResNet of a classifier, its running mean where it kept one; its last layer stays behind."""
        if family != "vision":
            return weights
        facts = self.assets.facts
        part = "average." if any(name.startswith("average.") for name in weights) else "net."
        own = {
            f"backbone.{name.removeprefix(part)}": tensor
            for name, tensor in weights.items()
            if name.startswith(part) and not name.startswith(f"{part}fc.")
        }
        normalising = {
            name: weights.get(name, torch.tensor(facts[name])[:, None, None]) for name in ("mean", "deviation")
        }
        return own | normalising

    def answer_image(self, model: nn.Module, data: bytes) -> dict[str, Any]:
        """Return what is in a picture: boxes as shares of its sides, with label and certainty, and the surest labels."""
        method = str(self.assets.facts.get("method", "pad"))
        picture = to_tensor(data, side=self.side, num_channels=self.num_channels, method=method)
        with torch.no_grad():
            found = self.found(model(picture.to(next(model.parameters()).device)))[0]
        return answer(found, self.names, data, self.side, method)


def inside(places: Tensor, boxes: Tensor) -> Tensor:
    """Return (B, N) whether each place lies in one of the boxes (B, M, 4) of its picture."""
    low, high = places[:, None] - boxes[:, None, :, :2], boxes[:, None, :, 2:] - places[:, None]
    return ((low > 0) & (high > 0)).all(dim=-1).any(dim=-1)


def truth_of(batch: Batch) -> list[Floats]:
    """Return the boxes of each picture of a batch, as `match_pictures` takes them."""
    table, counts = batch["boxes"].double().cpu().numpy(), batch["counts"].tolist()
    return [row[:count] for row, count in zip(table, counts, strict=True)]


class DetectorGraph(nn.Module):
    """What a detector tells, as one tensor (B, N, K + 5)."""

    def __init__(self, model: nn.Module, side: int) -> None:
        super().__init__()
        self.model, self.side = model, side

    def forward(self, pictures: Tensor) -> Tensor:
        logits, boxes, centreness = self.model(pictures)
        return torch.cat([logits, boxes / self.side, centreness[..., None]], dim=-1)


def boxes_told(rows: dict[str, np.ndarray]) -> list[Floats]:
    """Return the boxes of each picture (D, 6) out of the table of `details`, whose lines have room for the most there may be."""
    return [each[~np.isnan(each[:, 0])].astype(np.float64) for each in rows["found"]]
