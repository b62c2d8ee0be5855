"""How an image classifier learns: an example is a picture with its class."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from trainer.data.images.report import thumbnail
from trainer.data.images.store import ImageSplit
from trainer.errors import InputError
from trainer.formats.graph import Graph, picture_graph
from trainer.metrics.bootstrap import Interval, bootstrap
from trainer.metrics.label_report import single_label_report
from trainer.metrics.report import EvaluationReport, Picture
from trainer.metrics.scores import Scores, scores_of_labels
from trainer.models.vision.augment import augment, mix
from trainer.models.vision.cutting import cut
from trainer.models.vision.model import Classifier, build_net
from trainer.models.vision.picture import heat_map, to_tensor
from trainer.models.vision.sizes import VGGS, vgg_stage
from trainer.models.vision.spec import VisionSpec
from trainer.models.vision.state_dict import DEVIATION, MEAN, to_torchvision
from trainer.spec import TrainSpec
from trainer.training.assets import Assets
from trainer.training.task import Batch, Task
from trainer.training.teacher import Teacher

TOP = 5
NUM_SHOWN, NUM_WORST, SHOWN_SIDE = 12, 24, 112


class VisionTask(Task):
    def __init__(self, spec: TrainSpec, assets: Assets) -> None:
        super().__init__(spec, assets)
        self.model_spec: VisionSpec = spec.model
        self.side, self.num_channels = int(assets.facts["side"]), int(assets.facts["num_channels"])
        self._labelled: dict[str, np.ndarray] = {}
        self._train_counts: np.ndarray | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return self.assets.label_names

    def labelled(self, split: ImageSplit) -> np.ndarray:
        """Return the numbers of the pictures that have a class."""
        if split.name not in self._labelled:
            self._labelled[split.name] = np.flatnonzero(split.label_ids >= 0)
        return self._labelled[split.name]

    def build_model(self) -> Classifier:
        if len(self.names) < 2:
            raise InputError(
                "the prepared images have fewer than two classes, so there is nothing to tell apart; put each class into a "
                "folder of its own, or add a table of labels, and prepare again"
            )
        net = build_net(
            self.model_spec,
            side=self.side,
            num_channels=self.num_channels,
            num_classes=len(self.names),
            dropout=self.spec.regularisation.dropout,
        )
        facts = self.assets.facts
        return Classifier(net, mean=facts["mean"], deviation=facts["deviation"], ema_decay=self.model_spec.ema_decay)

    def see_training(self, split: ImageSplit) -> None:
        labels = np.asarray(split.label_ids)
        self._train_counts = np.bincount(labels[labels >= 0], minlength=len(self.names))

    def num_examples(self, split: ImageSplit) -> int:
        if not (count := len(self.labelled(split))):
            raise InputError(f"the {split.name} split has no image with a class; prepare the data with classes")
        return count

    def batch(self, split: ImageSplit, examples: np.ndarray) -> Batch:
        numbers = self.labelled(split)[examples]
        return {
            "pixels": torch.from_numpy(split.read(numbers)),  # (B, S, S, C)
            "labels": torch.from_numpy(split.label_ids[numbers].astype(np.int64)),
            "documents": torch.from_numpy(numbers),
        }

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        pictures, classes = self.varied(batch)
        return self.loss_of(model(pictures), classes)

    @property
    def classes(self) -> tuple[str, ...]:
        return self.names

    def distilled_loss(self, model: nn.Module, batch: Batch, *, teacher: Teacher) -> Tensor:
        """Both see the same variation of each picture (Beyer et al. 2022)."""
        pictures, classes = self.varied(batch)
        logits = model(pictures)
        with torch.no_grad():
            taught = teacher.model(pictures)
        return teacher.mixed(self.loss_of(logits, classes), logits, taught)

    @torch.no_grad()
    def varied(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the pictures (B, C, S, S) as they are shown this time, and what share each class has in them (B, classes)."""
        pictures = to_pictures(batch["pixels"])
        classes = F.one_hot(batch["labels"], len(self.names)).to(pictures.dtype)
        return mix(augment(pictures, self.model_spec), classes, self.model_spec)

    def loss_of(self, logits: Tensor, classes: Tensor) -> Tensor:
        return F.cross_entropy(logits.float(), classes, label_smoothing=self.spec.regularisation.label_smoothing)

    def count(self, batch: Batch) -> int:
        return len(batch["labels"])

    def evaluation_batches(self, split: ImageSplit, *, batch_size: int, max_batches: int) -> Iterator[Batch]:
        count = len(self.labelled(split))
        chosen = np.arange(count)
        if max_batches and count > max_batches * batch_size:
            chosen = np.linspace(0, count - 1, max_batches * batch_size).astype(np.int64)
        for first in range(0, len(chosen), batch_size):
            yield self.batch(split, chosen[first : first + batch_size])

    def measure(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        logits, labels = model(to_pictures(batch["pixels"])).float(), batch["labels"]
        best = logits.topk(min(TOP, logits.size(1)), dim=1).indices  # (B, 5)
        hits = best == labels[:, None]
        return {
            "loss": F.cross_entropy(logits, labels, reduction="sum"),
            "correct": hits[:, 0].sum(),
            "in_top": hits.any(dim=1).sum(),
            "images": torch.tensor(len(labels)),
        }

    def summarise(self, totals: dict[str, float]) -> dict[str, float]:
        count = totals["images"]
        found = {"loss": totals["loss"] / count, "accuracy": totals["correct"] / count}
        if len(self.names) > TOP:
            found["top5_accuracy"] = totals["in_top"] / count
        return {**found, "num_images": count}

    def details(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        logits = model(to_pictures(batch["pixels"])).float()
        return {
            "probabilities": logits.softmax(dim=1),
            "truth": batch["labels"],
            "documents": batch["documents"],
        }

    def report(self, split: ImageSplit, rows: dict[str, np.ndarray]) -> EvaluationReport | None:
        unseen: list[str] = []
        if self._train_counts is not None:
            present = np.unique(rows["truth"])
            unseen = [self.names[int(label)] for label in present if not self._train_counts[int(label)]]
        report = single_label_report(
            split=split.name, names=list(self.names), rows=rows, show=self.example_shower(split), unseen=unseen
        )
        metrics = report.metrics
        if len(self.names) > TOP:
            metrics = [*metrics, top_accuracy(rows["probabilities"], rows["truth"], TOP)]
        return replace(report, metrics=metrics, pictures=self.worst_pictures(split, rows))

    def pictured(self, split: ImageSplit, number: int, probabilities: np.ndarray) -> Picture:
        """Return a picture with the likeliest class, and the true one where that is another."""
        said, truth = int(probabilities.argmax()), int(split.label_ids[number])
        caption = f"{self.names[said]} {probabilities[said]:.0%}"
        caption += "" if said == truth else f", is {self.names[truth]}"
        image = thumbnail(split.read(np.array([number]))[0], side=SHOWN_SIDE)
        return Picture(image=image, caption=caption, is_right=said == truth, source=split.source_of(number))

    def sample_pictures(self, model: nn.Module, split: ImageSplit) -> list[Picture]:
        numbers = self.labelled(split)
        numbers = numbers[np.linspace(0, len(numbers) - 1, min(NUM_SHOWN, len(numbers))).astype(np.int64)]
        if not len(numbers):
            return []
        pixels = torch.from_numpy(split.read(numbers)).to(next(model.parameters()).device)
        probabilities = model(to_pictures(pixels)).float().softmax(dim=1).cpu().numpy()
        return [self.pictured(split, int(n), row) for n, row in zip(numbers, probabilities, strict=True)]

    def training_pictures(self, batch: Batch) -> list[Picture]:
        few = {name: tensor[:NUM_SHOWN] for name, tensor in batch.items()}
        pictures, classes = self.varied(few)
        return [
            Picture(image=thumbnail(to_bytes(picture), side=SHOWN_SIDE), caption=self.called(shares), is_right=None)
            for picture, shares in zip(pictures, classes.tolist(), strict=True)
        ]

    def called(self, shares: Sequence[float]) -> str:
        """Return the classes of a picture; where two were mixed, with the share of each."""
        present = sorted(((share, name) for share, name in zip(shares, self.names, strict=True) if share), reverse=True)
        return " + ".join(f"{name} {share:.0%}" if len(present) > 1 else name for share, name in present)

    def worst_pictures(self, split: ImageSplit, rows: dict[str, np.ndarray]) -> list[Picture]:
        """Return the pictures of which the model was most sure and wrong."""
        confidence, said = rows["probabilities"].max(axis=1), rows["probabilities"].argmax(axis=1)
        wrong = np.flatnonzero(said != rows["truth"])
        wrong = wrong[np.argsort(-confidence[wrong], kind="stable")][:NUM_WORST]
        return [self.pictured(split, int(rows["documents"][i]), rows["probabilities"][i]) for i in wrong]

    def scores(self, rows: dict[str, np.ndarray]) -> Scores:
        return scores_of_labels(rows)

    def example_shower(self, split: ImageSplit) -> Callable[[int], tuple[str, str, int]]:
        return lambda number: (split.source_of(number).rsplit("/", 1)[-1], split.source_of(number), 0)

    def documents(self, split: ImageSplit, example: int) -> Sequence[int]:
        return [int(self.labelled(split)[example])]

    def facts(self, model: nn.Module) -> dict[str, Any]:
        assert isinstance(model, Classifier)
        return {
            "num_parameters": sum(p.numel() for p in model.net.parameters()),
            "parameters_by_part": model.parts(),
            "num_labels": len(self.names),
            "image_side": self.side,
            "num_channels": self.num_channels,
        }

    def graph(self, model: nn.Module) -> Graph:
        return picture_graph(model, num_channels=self.num_channels, side=self.side)

    def head_names(self, model: nn.Module) -> set[str]:
        """The last layer: it knows these classes."""
        return {
            name
            for name, _ in model.named_parameters()
            if re.match(r"(net|average)\.(fc|heads|classifier\.(1|6))\.", name)
        }

    def block_of(self, name: str) -> int | None:
        """A stage of a ResNet or a VGG, a layer of a ViT."""
        architecture = self.model_spec.architecture
        if architecture in VGGS:
            found = re.match(r"(?:net|average)\.features\.(\d+)\.", name)
            batch_norm = self.model_spec.has_batch_norm(self.side)
            return vgg_stage(architecture, int(found[1]), batch_norm=batch_norm) if found else None
        found = re.match(r"(?:net|average)\.(?:layer(\d)|encoder\.layers\.encoder_layer_(\d+))\.", name)
        if found is None:
            return None
        return int(found[1]) - 1 if found[1] else int(found[2])

    def is_below(self, name: str) -> bool:
        return bool(re.match(r"(net|average)\.(conv1|bn1|conv_proj|class_token|encoder\.pos_embedding)", name))

    def import_weights(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return weights of torchvision or timm by our names; pictures are then normalised as they expect it."""
        found = {f"net.{name}": tensor for name, tensor in to_torchvision(weights).items()}
        for name, tensor in list(found.items()):
            if name.endswith("running_mean"):
                found.setdefault(name.replace("running_mean", "num_batches_tracked"), torch.tensor(0))
            if re.match(r"net\.classifier\.\d\.weight", name) and tensor.dim() == 4:
                found[name] = tensor.flatten(1)  # timm writes dense layers as convolutions
        if self.num_channels == 3:
            found["mean"], found["deviation"] = (
                torch.tensor(MEAN)[:, None, None],
                torch.tensor(DEVIATION)[:, None, None],
            )
        return found

    def copy_of(self, name: str) -> str:
        return name.replace("net.", "average.", 1) if self.model_spec.ema_decay and name.startswith("net.") else ""

    def cut(self, weights: dict[str, Tensor], source: VisionSpec) -> dict[str, Tensor]:
        return cut(weights, source, self.model_spec)

    def adopt(self, weights: dict[str, Tensor], *, family: str) -> dict[str, Tensor]:
        """Normalise as the source did, or as our data asks; the running mean of the weights begins at the weights."""
        facts = self.assets.facts
        found = {name: torch.tensor(facts[name])[:, None, None] for name in ("mean", "deviation")} | weights
        if self.model_spec.ema_decay:
            for name, tensor in weights.items():
                if name.startswith("net."):
                    found.setdefault(f"average.{name.removeprefix('net.')}", tensor)
        return found

    def answer_image(self, model: nn.Module, data: bytes) -> dict[str, Any]:
        """Return the classes of a picture with their probabilities, likeliest first, and where the model looked."""
        assert isinstance(model, Classifier)
        method = str(self.assets.facts.get("method", "crop"))
        picture = to_tensor(data, side=self.side, num_channels=self.num_channels, method=method)
        heat, logits = heat_map(model, picture.to(model.mean.device))
        found = sorted(zip(self.names, logits.softmax(dim=0).tolist(), strict=True), key=lambda pair: -pair[1])
        return {"labels": [{"label": label, "probability": p} for label, p in found], "heat": heat}


def top_accuracy(probabilities: np.ndarray, truth: np.ndarray, count: int) -> Interval:
    """Return how often the truth is among the likeliest so many classes, with its interval."""
    is_in = (np.argsort(-probabilities, axis=1, kind="stable")[:, :count] == truth[:, None]).any(axis=1).astype(float)
    measures = {f"top{count}_accuracy": lambda weights: float((weights * is_in).sum() / weights.sum())}
    return bootstrap(measures, num_examples=len(truth))[0]


def to_bytes(picture: Tensor) -> np.ndarray:
    """Return bytes (S, S, C) of a picture (C, S, S) from 0 to 1."""
    return (picture.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()


def to_pictures(pixels: Tensor) -> Tensor:
    """Return (B, C, S, S) from 0 to 1 of bytes (B, S, S, C)."""
    return pixels.permute(0, 3, 1, 2).float() / 255
