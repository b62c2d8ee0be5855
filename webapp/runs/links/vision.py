"""Classifiers of pictures as the architectures that economics counts."""

from __future__ import annotations

from typing import Any

from economics.architecture.convolution import VGG, ResNet
from economics.architecture.vision import VisionTransformer
from trainer.models.vision import sizes
from trainer.models.vision.spec import VisionSpec
from webapp.runs.architectures import Facts, Link


def to_architecture(model: VisionSpec, facts: Facts) -> ResNet | VGG | VisionTransformer:
    """Return the net for pictures of that size with so many classes; the running mean of its weights is not counted."""
    side = int(facts["side"])
    common: dict[str, Any] = {
        "image_size": side, "num_channels": int(facts["num_channels"]), "num_classes": int(facts["num_labels"])
    }  # fmt: skip
    name, is_small = model.architecture, model.has_small_stem(side)
    if name in sizes.RESNETS:
        return resnet(name, model.width_fraction, inner_fraction=model.inner_fraction, is_small=is_small, **common)
    if name in sizes.VGGS:
        widths = sizes.vgg_widths(model.width_fraction)
        stages = tuple((width,) * depth for depth, width in zip(sizes.VGGS[name], widths, strict=True))
        hidden = 0 if is_small else round(sizes.VGG_HIDDEN * model.width_fraction)
        return VGG(stages=stages, batch_norm=model.has_batch_norm(side), hidden=hidden, **common)
    num_layers, num_heads, width = sizes.VITS[name]
    return VisionTransformer(
        num_layers=num_layers, model_width=width, num_heads=num_heads, patch_size=model.patch(side), **common
    )


def resnet(name: str, width_fraction: float, *, inner_fraction: float = 1.0, is_small: bool, **common: Any) -> ResNet:
    """Return a ResNet of a name and a width."""
    width = sizes.resnet_width(width_fraction)
    widths = tuple(width * 2**stage for stage in range(4))
    return ResNet(
        depths=sizes.RESNETS[name], block="bottleneck" if name in sizes.BOTTLENECKS else "basic", stem_width=width,
        widths=widths, inner_widths=tuple(sizes.inner_width(each, inner_fraction) for each in widths),
        small_stem=is_small, **common,
    )  # fmt: skip


LINK = Link(to_architecture=to_architecture, needs=("side", "num_channels", "num_labels"))
