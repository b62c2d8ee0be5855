"""VGG: 3 x 3 convolutions, halving by maximum. Names of weights as in torchvision."""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from trainer.models.vision.sizes import VGG_HIDDEN, VGGS, vgg_widths


class VGG(nn.Module):
    """Pictures (B, C, S, S) in, logits (B, classes) out.

    Large: two hidden layers of 4,096 over 7 x 7 places, as published. Small: the mean of all places and one matrix.
    """

    def __init__(
        self,
        name: str,
        *,
        num_channels: int,
        num_classes: int,
        width_fraction: float,
        small_stem: bool,
        batch_norm: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        num_in, self.small_stem = num_channels, small_stem
        for depth, width in zip(VGGS[name], vgg_widths(width_fraction), strict=True):
            for _ in range(depth):
                layers.append(nn.Conv2d(num_in, width, 3, padding=1))
                layers += [nn.BatchNorm2d(width)] if batch_norm else []
                layers.append(nn.ReLU(inplace=True))
                num_in = width
            layers.append(nn.MaxPool2d(2, 2, ceil_mode=small_stem))
        self.features = nn.Sequential(*layers)
        if small_stem:
            self.classifier: nn.Module = nn.Sequential(nn.Dropout(dropout), nn.Linear(num_in, num_classes))
        else:
            hidden = round(VGG_HIDDEN * width_fraction)
            self.classifier = nn.Sequential(
                nn.Linear(num_in * 49, hidden), nn.ReLU(True), nn.Dropout(max(dropout, 0.5)),
                nn.Linear(hidden, hidden), nn.ReLU(True), nn.Dropout(max(dropout, 0.5)), nn.Linear(hidden, num_classes),
            )  # fmt: skip
        self.init_weights()

    def init_weights(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, 0, 0.01)
                nn.init.zeros_(module.bias)

    def extract(self, x: Tensor) -> Tensor:
        """Return what the last convolution sees (B, D, s, s), before it is halved once more: where Grad-CAM looks."""
        for layer in list(self.features)[:-1]:
            x = layer(x)
        return x

    def classify(self, features: Tensor) -> Tensor:
        features = self.features[-1](features)
        pooled = features.mean(dim=(2, 3)) if self.small_stem else F.adaptive_avg_pool2d(features, 7).flatten(1)
        logits: Tensor = self.classifier(pooled)
        return logits

    def forward(self, x: Tensor) -> Tensor:
        return self.classify(self.extract(x))
