"""Settings and sizes of image classifiers. Imports no torch.

Sources: He et al. 2015 (ResNet), Simonyan and Zisserman 2014 (VGG), Dosovitskiy et al. 2020 (ViT), Cubuk et al. 2019
(RandAugment), Zhang et al. 2017 (mixup), Yun et al. 2019 (CutMix).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from trainer.errors import SpecError
from trainer.families import Family
from trainer.limits import check_at_least

Architecture = Literal[
    "resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "vgg11", "vgg13", "vgg16", "vgg19",
    "vit_tiny", "vit_small", "vit_base",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class VisionSpec:
    """Tells the class of a picture, and how pictures are varied while it learns."""

    architecture: Architecture = "resnet18"
    """ResNet (18 to 152 layers), VGG (11 to 19 layers) or ViT, a Transformer that reads patches."""

    stem: Literal["auto", "small", "large"] = "auto"
    """How the first layers look at the picture. large: as published, for 224 pixels. small: at full detail. auto: by size."""

    width_fraction: float = 1.0
    """Channels of ResNet and VGG as a share of the published ones."""

    inner_fraction: float = 1.0
    """Channels inside the blocks of a ResNet as a share of the usual ones: fewer are left by pruning."""

    batch_norm: Literal["auto", "on", "off"] = "auto"
    """VGG: normalise after each convolution, as vgg16_bn does. auto: with the small stem; deep ones hardly learn without."""

    patch_side: int = 0
    """ViT: side of a patch in pixels. 0: a fourteenth of the picture, at least 4."""

    flip: bool = True
    """Mirror half of the pictures left to right. Off where direction means something, as in digits and letters."""

    shift_fraction: float = 0.1
    """Move pictures by up to this share of their side."""

    colour_fraction: float = 0.2
    """Change brightness, contrast and saturation by up to this share."""

    randaugment: int = 0
    """Strength of RandAugment from 0 (off) to 10: turn, shear, scale, sharpen, invert and more, two at a time."""

    mixup: float = 0.0
    """Blend pairs of pictures and their classes; 0.2 is usual. 0: off."""

    cutmix: float = 0.0
    """Paste a piece of another picture, and of its class; 1.0 is usual. 0: off."""

    ema_decay: float = 0.0
    """Memory of the running mean of the weights, which is what is measured and used; 0.999 is usual. 0: off."""

    def __post_init__(self) -> None:
        if not 0.05 <= self.width_fraction <= 4:
            raise SpecError(f"model.width_fraction is {self.width_fraction}; it must be from 0.05 to 4")
        if not 0.01 <= self.inner_fraction <= 4:
            raise SpecError(f"model.inner_fraction is {self.inner_fraction}; it must be from 0.01 to 4")
        for name in ("shift_fraction", "colour_fraction"):
            if not 0 <= getattr(self, name) <= 0.9:
                raise SpecError(f"model.{name} is {getattr(self, name)}; it must be from 0 to 0.9")
        if not 0 <= self.randaugment <= 10:
            raise SpecError(f"model.randaugment is {self.randaugment}; it must be from 0 to 10")
        for name in ("mixup", "cutmix"):
            if not 0 <= getattr(self, name) <= 4:
                raise SpecError(f"model.{name} is {getattr(self, name)}; it must be from 0 to 4")
        if not 0 <= self.ema_decay < 1:
            raise SpecError(f"model.ema_decay is {self.ema_decay}; it must be from 0 to below 1")
        check_at_least("model.patch_side", self.patch_side, 0)

    def has_small_stem(self, side: int) -> bool:
        return self.stem == "small" or (self.stem == "auto" and side < 128)

    def has_batch_norm(self, side: int) -> bool:
        """Say of a VGG for pictures of that side whether it normalises; a ResNet always does, a ViT never."""
        return self.batch_norm == "on" or (self.batch_norm == "auto" and self.has_small_stem(side))

    def patch(self, side: int) -> int:
        """Return the side of a patch for pictures of that side."""
        return self.patch_side or (max(4, side // 14) if self.stem != "large" else 16)


def shrunk(model: VisionSpec, keep: float) -> VisionSpec:
    """Return the settings with that share of the channels: inside the blocks of a ResNet, of each convolution of a VGG."""
    if model.architecture.startswith("resnet"):
        return replace(model, inner_fraction=max(model.inner_fraction * keep, 0.01))
    if model.architecture.startswith("vgg"):
        return replace(model, width_fraction=max(model.width_fraction * keep, 0.05))
    raise SpecError(
        "whole parts are taken out of a ResNet (channels inside its blocks) and a VGG; the sizes of a ViT are those published, "
        "so that it stays one that others can load: prune it by magnitude, or let it teach a smaller one"
    )


FAMILY = Family(
    name="vision",
    title="Image classifier",
    summary="Tells classes of pictures apart: ResNet, VGG or ViT.",
    spec_type=VisionSpec,
    presets={
        "tiny": VisionSpec(width_fraction=0.25),
        "resnet18": VisionSpec(),
        "resnet34": VisionSpec(architecture="resnet34"),
        "resnet50": VisionSpec(architecture="resnet50"),
        "resnet101": VisionSpec(architecture="resnet101"),
        "resnet152": VisionSpec(architecture="resnet152"),
        "vgg11": VisionSpec(architecture="vgg11"),
        "vgg13": VisionSpec(architecture="vgg13"),
        "vgg16": VisionSpec(architecture="vgg16"),
        "vgg19": VisionSpec(architecture="vgg19"),
        "vit-tiny": VisionSpec(architecture="vit_tiny"),
        "vit-small": VisionSpec(architecture="vit_small"),
        "vit-base": VisionSpec(architecture="vit_base"),
    },
    data_kind="images",
    unit="image",
    task="trainer.models.vision.task:VisionTask",
    main_metric="validation/accuracy",
    formats=("folder", "onnx", "torch_export"),
    abilities=frozenset({"predict_image"}),
    free_settings=frozenset(
        {"flip", "shift_fraction", "colour_fraction", "randaugment", "mixup", "cutmix", "ema_decay"}
    ),
    shrunk=shrunk,
    prunable=frozenset({"inner_fraction", "width_fraction"}),
    taught=lambda model: True,
    ablations={
        "augmentation": {
            "model.flip": False,
            "model.shift_fraction": 0.0,
            "model.colour_fraction": 0.0,
            "model.randaugment": 0,
            "model.mixup": 0.0,
            "model.cutmix": 0.0,
        },
        "label smoothing": {"regularisation.label_smoothing": 0.0},
        "the mean of the weights": {"model.ema_decay": 0.0},
    },
    calibration_presets=("tiny", "vit-tiny", "resnet18", "vgg11"),
    defaults={
        "batch": {"sequence_length": 1, "sequences_per_step": 64},
        "optimizer": {"learning_rate": 1e-3, "weight_decay": 0.05, "beta2": 0.999},
        "regularisation": {"label_smoothing": 0.05},
        "evaluation": {"sample_tokens": 0},
    },
)
