"""The detector: a ResNet, a pyramid of its stages, and one head that every level shares.

Shapes: B pictures, N places over all levels, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from trainer.models.detect.spec import DetectSpec
from trainer.models.vision.resnet import ResNet

PRIOR = 0.01
"""Certainty that a place begins with, so that the many places of nothing do not drown the first steps (Lin et al. 2017)."""


class Pyramid(nn.Module):
    """Makes the stages alike in width, and lets the coarse ones tell the fine ones what they see."""

    def __init__(self, widths: Sequence[int], width: int, num_extra: int) -> None:
        super().__init__()
        self.lateral = nn.ModuleList([nn.Conv2d(w, width, 1) for w in widths])
        self.smooth = nn.ModuleList([nn.Conv2d(width, width, 3, padding=1) for _ in widths])
        self.extra = nn.ModuleList([nn.Conv2d(width, width, 3, stride=2, padding=1) for _ in range(num_extra)])

    def forward(self, stages: list[Tensor]) -> list[Tensor]:
        levels = [lateral(stage) for lateral, stage in zip(self.lateral, stages, strict=True)]
        for finer in range(len(levels) - 2, -1, -1):
            levels[finer] = levels[finer] + F.interpolate(levels[finer + 1], size=levels[finer].shape[2:])
        levels = [smooth(level) for smooth, level in zip(self.smooth, levels, strict=True)]
        for more in self.extra:
            levels.append(more(F.relu(levels[-1])))
        return levels


class Head(nn.Module):
    """At each place: logits of the classes, distances to the four sides of its box, and how central it lies."""

    def __init__(self, width: int, num_layers: int, num_classes: int, num_levels: int) -> None:
        super().__init__()
        self.classes, self.boxes = branch(width, num_layers), branch(width, num_layers)
        self.class_logits = nn.Conv2d(width, num_classes, 3, padding=1)
        self.distances = nn.Conv2d(width, 4, 3, padding=1)
        self.centreness = nn.Conv2d(width, 1, 3, padding=1)
        self.scales = nn.Parameter(torch.ones(num_levels))

    def forward(self, level: Tensor, number: int) -> Tensor:
        """Return (B, places, K + 5): logits of classes, four distances in strides, logit of centre-ness."""
        classes, boxes = self.classes(level), self.boxes(level)
        distances = F.softplus(self.distances(boxes) * self.scales[number])
        told = torch.cat([self.class_logits(classes), distances, self.centreness(boxes)], dim=1)
        return told.flatten(2).transpose(1, 2)


def branch(width: int, num_layers: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for _ in range(num_layers):
        layers += [nn.Conv2d(width, width, 3, padding=1, bias=False), nn.GroupNorm(8, width), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


class Detector(nn.Module):
    """Pictures (B, C, S, S) from 0 to 1 in; out logits (B, N, K), boxes (B, N, 4) in pixels, centre-ness (B, N) as logits."""

    def __init__(
        self,
        spec: DetectSpec,
        *,
        side: int,
        num_channels: int,
        num_classes: int,
        mean: Sequence[float],
        deviation: Sequence[float],
    ) -> None:
        super().__init__()
        self.spec, self.num_classes = spec, num_classes
        strides = spec.strides(side)
        backbone = ResNet(
            spec.backbone, num_channels=num_channels, num_classes=1, width_fraction=spec.width_fraction,
            inner_fraction=spec.inner_fraction, small_stem=False, dropout=0.0,
        )  # fmt: skip
        widths = [backbone.width_of(stage) for stage in spec.stages]
        del backbone.fc, backbone.dropout
        self.backbone = backbone
        self.pyramid = Pyramid(widths, spec.pyramid_width, len(strides) - len(widths))
        self.head = Head(spec.pyramid_width, spec.head_layers, num_classes, len(strides))
        self.init_weights()
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in its stubs
        self.places: Tensor
        self.strides: Tensor
        self.mean: Tensor
        self.deviation: Tensor
        places, each = places_of(side, strides)
        self.register_buffer("places", places, persistent=False)  # (N, 2): x and y of each place
        self.register_buffer("strides", each, persistent=False)  # (N,)
        self.register_buffer("mean", torch.tensor(mean)[:, None, None])
        self.register_buffer("deviation", torch.tensor(deviation)[:, None, None])

    def init_weights(self) -> None:
        for part in (self.pyramid, self.head):
            for module in part.modules():
                if isinstance(module, nn.Conv2d):
                    nn.init.normal_(
                        module.weight, std=0.01 if part is self.head else (module.weight[0].numel()) ** -0.5
                    )
                    if module.bias is not None:
                        nn.init.zeros_(module.bias)
        nn.init.constant_(self.head.class_logits.bias, -torch.tensor((1 - PRIOR) / PRIOR).log().item())  # type: ignore[arg-type]

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = ((pictures - self.mean) / self.deviation).contiguous(memory_format=torch.channels_last)
        levels = self.pyramid(self.backbone.extract_stages(x, self.spec.stages))
        told = torch.cat([self.head(level, number) for number, level in enumerate(levels)], dim=1).float()
        logits, distances, centreness = told[..., :-5], told[..., -5:-1], told[..., -1]
        return logits, self.to_boxes(distances), centreness

    def to_boxes(self, distances: Tensor) -> Tensor:
        """Return boxes (..., N, 4) of distances (..., N, 4) to their sides, in strides of their level."""
        far = distances * self.strides[:, None]
        return torch.cat([self.places - far[..., :2], self.places + far[..., 2:]], dim=-1)

    def parts(self) -> dict[str, int]:
        """Return how many parameters each part has."""
        return {name: sum(p.numel() for p in part.parameters()) for name, part in self.named_children()}


def places_of(side: int, strides: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Return x and y (N, 2) of the places of all levels, each in the middle of what it stands for, and strides (N,)."""
    places, each = [], []
    size = side
    for stride in strides:
        size = -(-side // stride)
        at = (torch.arange(size) + 0.5) * stride
        y, x = torch.meshgrid(at, at, indexing="ij")
        places.append(torch.stack([x.flatten(), y.flatten()], dim=1))
        each.append(torch.full((size * size,), float(stride)))
    return torch.cat(places), torch.cat(each)
