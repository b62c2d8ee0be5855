"""Weights of image models as torchvision and timm save them: which architecture they are of, told by names and shapes.

Imports no torch. ResNets have the same names in both; VGG and ViT differ, and `to_torchvision` gives all of them ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from trainer.models.vision.sizes import BOTTLENECKS, RESNETS, VGG_HIDDEN, VGG_WIDTHS, VGGS, VITS
from trainer.models.vision.spec import VisionSpec

Shapes = Mapping[str, tuple[int, ...]]
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet: what such weights expect their pictures to be normalised by."""

TIMM_VIT = (
    (r"^cls_token$", "class_token"),
    (r"^pos_embed$", "encoder.pos_embedding"),
    (r"^patch_embed\.proj\.", "conv_proj."),
    (r"^norm\.", "encoder.ln."),
    (r"^head\.", "heads.head."),
    (r"^blocks\.(\d+)\.norm1\.", r"encoder.layers.encoder_layer_\1.ln_1."),
    (r"^blocks\.(\d+)\.norm2\.", r"encoder.layers.encoder_layer_\1.ln_2."),
    (r"^blocks\.(\d+)\.attn\.qkv\.", r"encoder.layers.encoder_layer_\1.self_attention.in_proj_"),
    (r"^blocks\.(\d+)\.attn\.proj\.", r"encoder.layers.encoder_layer_\1.self_attention.out_proj."),
    (r"^blocks\.(\d+)\.mlp\.fc1\.", r"encoder.layers.encoder_layer_\1.mlp.0."),
    (r"^blocks\.(\d+)\.mlp\.fc2\.", r"encoder.layers.encoder_layer_\1.mlp.3."),
)
TIMM_VGG = (
    (r"^pre_logits\.fc1\.", "classifier.0."),
    (r"^pre_logits\.fc2\.", "classifier.3."),
    (r"^head\.fc\.", "classifier.6."),
)


def to_torchvision(weights: Mapping[str, Any]) -> dict[str, Any]:
    """Return weights or shapes of timm or torchvision by torchvision's names."""
    renaming = TIMM_VIT if "cls_token" in weights else TIMM_VGG
    older = (r"\.mlp\.linear_1\.", ".mlp.0."), (r"\.mlp\.linear_2\.", ".mlp.3.")
    found = {}
    for name, value in weights.items():
        for pattern, ours in (*renaming, *older):
            name = re.sub(pattern, ours, name)
        found[name] = value
    return found


def spec_of_shapes(shapes: Shapes) -> VisionSpec | None:
    """Return the settings of the model that such weights are of; None where they are none that this family has."""
    named = to_torchvision(shapes)
    architecture = _resnet(named) or _vgg(named) or _vit(named)
    if architecture is None:
        return None
    patch = named["conv_proj.weight"][2] if architecture in VITS else 0
    stem = "small" if architecture in RESNETS and named["conv1.weight"][2] == 3 else "large"
    batch_norm = "on" if architecture in VGGS and "features.1.running_mean" in named else "auto"
    return VisionSpec(architecture=architecture, stem=stem, batch_norm=batch_norm, patch_side=patch)  # type: ignore[arg-type]


def _resnet(shapes: Shapes) -> str | None:
    if "layer4.0.conv1.weight" not in shapes or shapes.get("conv1.weight", (0,))[0] != 64:
        return None
    depths = tuple(
        1 + max((int(name.split(".")[1]) for name in shapes if name.startswith(f"layer{stage}.")), default=-1)
        for stage in range(1, 5)
    )
    is_deep = "layer1.0.conv3.weight" in shapes
    is_usual = shapes["layer1.0.conv2.weight"] == (64, 64, 3, 3)  # wider and grouped forms are other models
    found = [name for name, wanted in RESNETS.items() if wanted == depths and (name in BOTTLENECKS) == is_deep]
    return found[0] if found and is_usual else None


def _vgg(shapes: Shapes) -> str | None:
    """VGG as published, with batch norms or without."""
    widths = [shape[0] for name, shape in sorted(shapes.items(), key=_place) if _is_convolution(name, shape)]
    if not widths or shapes.get("classifier.0.weight", (0,))[0] != VGG_HIDDEN:
        return None
    for name, depths in VGGS.items():
        if widths == [width for depth, width in zip(depths, VGG_WIDTHS, strict=True) for _ in range(depth)]:
            return name
    return None


def _vit(shapes: Shapes) -> str | None:
    if "conv_proj.weight" not in shapes or "encoder.pos_embedding" not in shapes:
        return None
    width = shapes["conv_proj.weight"][0]
    layers = {match[1] for name in shapes if (match := re.match(r"encoder\.layers\.encoder_layer_(\d+)\.", name))}
    found = [name for name, (depth, _heads, wide) in VITS.items() if (depth, wide) == (len(layers), width)]
    return found[0] if found else None


def _is_convolution(name: str, shape: tuple[int, ...]) -> bool:
    return name.startswith("features.") and len(shape) == 4


def _place(item: tuple[str, tuple[int, ...]]) -> int:
    found = re.match(r"features\.(\d+)\.", item[0])
    return int(found[1]) if found else -1
