"""Sizes of the architectures, as published. Imports no torch: what counts and what computes read the same numbers."""

from __future__ import annotations

RESNETS = {
    "resnet18": (2, 2, 2, 2),
    "resnet34": (3, 4, 6, 3),
    "resnet50": (3, 4, 6, 3),
    "resnet101": (3, 4, 23, 3),
    "resnet152": (3, 8, 36, 3),
}
"""Blocks of each stage."""

BOTTLENECKS = {"resnet50", "resnet101", "resnet152"}

VGGS = {
    "vgg11": (1, 1, 2, 2, 2),
    "vgg13": (2, 2, 2, 2, 2),
    "vgg16": (2, 2, 3, 3, 3),
    "vgg19": (2, 2, 4, 4, 4),
}
"""Convolutions of each stage."""

VGG_WIDTHS = (64, 128, 256, 512, 512)
VGG_HIDDEN = 4096

VITS = {"vit_tiny": (12, 3, 192), "vit_small": (12, 6, 384), "vit_base": (12, 12, 768)}
"""Layers, heads, width."""


def resnet_width(width_fraction: float) -> int:
    """Return the channels of a ResNet's first stage."""
    return max(8, round(64 * width_fraction))


def inner_width(width: int, fraction: float) -> int:
    """Return the channels inside a block of a ResNet."""
    return max(1, round(width * fraction))


def vgg_stage(name: str, layer: int, *, batch_norm: bool) -> int:
    """Return the stage of a layer of `features`: convolutions with what follows each, and a pooling after each stage."""
    end = 0
    for stage, depth in enumerate(VGGS[name]):
        end += depth * (3 if batch_norm else 2) + 1
        if layer < end:
            return stage
    return len(VGGS[name]) - 1


def vgg_widths(width_fraction: float) -> tuple[int, ...]:
    """Return the channels of a VGG's stages."""
    return tuple(max(8, round(width * width_fraction)) for width in VGG_WIDTHS)
