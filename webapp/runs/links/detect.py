"""Detectors as the architecture that economics counts."""

from __future__ import annotations

from economics.architecture.detector import Fcos
from trainer.models.detect.spec import DetectSpec
from webapp.runs.architectures import Facts, Link
from webapp.runs.links.vision import resnet


def to_architecture(model: DetectSpec, facts: Facts) -> Fcos:
    """Return the detector for pictures of that size with so many classes."""
    side = int(facts["side"])
    return Fcos(
        backbone=resnet(
            model.backbone, model.width_fraction, inner_fraction=model.inner_fraction, is_small=False, image_size=side,
            num_channels=int(facts["num_channels"]), num_classes=0,
        ),
        num_classes=int(facts["num_labels"]),
        strides=model.strides(side),
        pyramid_width=model.pyramid_width,
        head_layers=model.head_layers,
    )  # fmt: skip


LINK = Link(to_architecture=to_architecture, needs=("side", "num_channels", "num_labels"))
