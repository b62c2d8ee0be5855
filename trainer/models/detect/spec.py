"""Settings and sizes of detectors. Imports no torch.

Sources: Tian et al. 2019, arXiv 1904.01355 (FCOS); Lin et al. 2017 (feature pyramid, focal loss); Rezatofighi et al. 2019
(GIoU).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from trainer.errors import SpecError
from trainer.families import Family

STRIDES = {"layer1": 4, "layer2": 8, "layer3": 16, "layer4": 32}
LARGE_SIDE = 512
"""From this side on, two coarser levels are added for large things."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DetectSpec:
    """Finds things in pictures and says what they are: each place of a feature pyramid tells class and box, without anchors."""

    backbone: Literal["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"] = "resnet18"
    """The ResNet that reads the picture."""

    width_fraction: float = 1.0
    """Channels of the ResNet as a share of the published ones."""

    inner_fraction: float = 1.0
    """Channels inside the ResNet's blocks as a share of the published ones; what pruning by whole channels makes smaller."""

    pyramid_width: int = 256
    """Channels of the feature pyramid and of the head."""

    head_layers: int = 4
    """Convolutions of each of the two branches of the head: one for classes, one for boxes."""

    finest_stride: Literal["4", "8"] = "8"
    """Pixels between the places of the finest level. 4: finds smaller things, and takes about four times as long."""

    flip: bool = True
    """Mirror half of the pictures left to right, with their boxes. Off where direction means something, as in digits."""

    scale_fraction: float = 0.2
    """Enlarge or shrink pictures by up to this share, with their boxes, around a place drawn at random."""

    colour_fraction: float = 0.2
    """Change brightness, contrast and saturation by up to this share."""

    score_threshold: float = 0.05
    """What is less certain is not told."""

    overlap_threshold: float = 0.6
    """Of two boxes of a class that overlap by more (intersection over union), only the more certain one stays."""

    max_boxes: int = 100
    """Most boxes that are told of a picture."""

    def __post_init__(self) -> None:
        if not 0.05 <= self.width_fraction <= 4:
            raise SpecError(f"model.width_fraction is {self.width_fraction}; it must be from 0.05 to 4")
        if not 0.01 <= self.inner_fraction <= 4:
            raise SpecError(f"model.inner_fraction is {self.inner_fraction}; it must be from 0.01 to 4")
        if not 8 <= self.pyramid_width <= 1024 or self.pyramid_width % 8:
            raise SpecError(f"model.pyramid_width is {self.pyramid_width}; it must be a multiple of 8 from 8 to 1,024")
        if not 1 <= self.head_layers <= 8:
            raise SpecError(f"model.head_layers is {self.head_layers}; it must be from 1 to 8")
        for name in ("scale_fraction", "colour_fraction"):
            if not 0 <= getattr(self, name) <= 0.9:
                raise SpecError(f"model.{name} is {getattr(self, name)}; it must be from 0 to 0.9")
        for name in ("score_threshold", "overlap_threshold"):
            if not 0 < getattr(self, name) < 1:
                raise SpecError(f"model.{name} is {getattr(self, name)}; it must be between 0 and 1")
        if not 1 <= self.max_boxes <= 1000:
            raise SpecError(f"model.max_boxes is {self.max_boxes}; it must be from 1 to 1,000")

    @property
    def stages(self) -> tuple[str, ...]:
        """Stages of the ResNet that the pyramid is built on, finest first."""
        return tuple(STRIDES)[0 if self.finest_stride == "4" else 1 :]

    def strides(self, side: int) -> tuple[int, ...]:
        """Return the pixels between places of each level of the pyramid, for pictures of that side."""
        built = [STRIDES[stage] for stage in self.stages]
        return (*built, 64, 128) if side >= LARGE_SIDE else tuple(built)


def shrunk(model: DetectSpec, keep: float) -> DetectSpec:
    """Return the settings with that share of the channels inside the blocks of its ResNet."""
    return replace(model, inner_fraction=max(model.inner_fraction * keep, 0.01))


FAMILY = Family(
    name="detect",
    title="Object detector",
    summary="Finds things in pictures and draws a box around each: FCOS on a ResNet.",
    spec_type=DetectSpec,
    presets={
        "tiny": DetectSpec(width_fraction=0.25, pyramid_width=32, head_layers=2),
        "small": DetectSpec(width_fraction=0.5, pyramid_width=96, head_layers=3),
        "resnet18": DetectSpec(),
        "resnet50": DetectSpec(backbone="resnet50"),
        "resnet101": DetectSpec(backbone="resnet101"),
    },
    data_kind="boxes",
    unit="image",
    task="trainer.models.detect.task:DetectTask",
    main_metric="validation/map50_95",
    abilities=frozenset({"predict_image"}),
    formats=("folder", "onnx", "torch_export"),
    free_settings=frozenset(
        {"flip", "scale_fraction", "colour_fraction", "score_threshold", "overlap_threshold", "max_boxes"}
    ),
    starts_from=frozenset({"vision"}),
    shrunk=shrunk,
    prunable=frozenset({"inner_fraction"}),
    taught=lambda model: True,
    ablations={"augmentation": {"model.flip": False, "model.scale_fraction": 0.0, "model.colour_fraction": 0.0}},
    calibration_presets=("tiny",),
    calibration_examples=16,
    defaults={
        "batch": {"sequence_length": 1, "sequences_per_step": 16},
        "optimizer": {"learning_rate": 1e-3, "weight_decay": 0.05, "beta2": 0.999},
        "evaluation": {"sample_tokens": 0},
        "machine": {"compile": "off"},  # what each picture holds decides the shapes: nothing stays compiled
    },
)
