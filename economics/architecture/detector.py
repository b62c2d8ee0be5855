"""An anchor-free detector: a ResNet, a feature pyramid over its stages, and one head that every level shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from economics.architecture.base import Parameters
from economics.architecture.convolution import Convolution, ResNet, count_layers


@dataclass(frozen=True, kw_only=True, slots=True)
class Fcos:
    """FCOS (Tian et al. 2019, arXiv 1904.01355) with group norms in its head.

    Per level the head has two branches of `head_layers` 3 x 3 convolutions, then classes, four distances and centre-ness;
    its weights are counted once, its FLOP at every level.

    >>> Fcos(backbone=ResNet(depths=(2, 2, 2, 2), block="basic", num_classes=0), num_classes=80,
    ...      strides=(8, 16, 32)).parameters().by_part["head"]
    4918616
    """

    backbone: ResNet
    """Without classes (`num_classes=0`)."""
    num_classes: int
    strides: tuple[int, ...]
    """Pixels between the places of each level; those above 32 are made by convolutions of stride 2 from the level before."""
    pyramid_width: int = 256
    head_layers: int = 4
    name: str = ""

    @property
    def kind(self) -> str:
        """Always convolutional."""
        return "convolutional"

    def layers(self) -> tuple[Convolution, ...]:
        """List every layer with its sizes."""
        return (*self.backbone.layers(), *self._pyramid(), *self._head())

    def _size(self, stride: int) -> int:
        return -(-self.backbone.image_size // stride)

    def _pyramid(self) -> list[Convolution]:
        width = self.pyramid_width
        out: list[Convolution] = []
        expansion = 4 if self.backbone.block == "bottleneck" else 1
        stages = {4 * 2**number: inner * expansion for number, inner in enumerate(self.backbone.widths)}
        for stride in self.strides:
            common: dict[str, Any] = {"outputs": width, "height": self._size(stride), "bias": True, "normed": False}
            if stride in stages:
                out.append(Convolution(name="pyramid.lateral", inputs=stages[stride], **common))
            out.append(Convolution(name="pyramid.smooth", inputs=width, kernel=3, **common))
        return out

    def _head(self) -> list[Convolution]:
        width = self.pyramid_width
        out: list[Convolution] = []
        for level, stride in enumerate(self.strides):
            common: dict[str, Any] = {"inputs": width, "kernel": 3, "height": self._size(stride), "shared": level > 0}
            out += 2 * self.head_layers * [Convolution(name="head.branch", outputs=width, **common)]
            for name, outputs in (("classes", self.num_classes), ("distances", 4), ("centreness", 1)):
                out.append(Convolution(name=f"head.{name}", outputs=outputs, bias=True, normed=False, **common))
        return out

    def parameters(self) -> Parameters:
        """Count the parameters by part; each level has one factor of its own for its distances."""
        found = count_layers(self.layers())
        scales = len(self.strides)
        parts = {**found.by_part, "head": found.by_part["head"] + scales}
        return Parameters(
            by_part=parts, active_by_part=dict(parts), matmul=found.matmul, active_matmul=found.active_matmul
        )
