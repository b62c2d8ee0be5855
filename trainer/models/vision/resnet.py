"""ResNet: blocks of convolutions that add to what came in. Names of weights as in torchvision, so that its files load."""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from trainer.models.vision.sizes import BOTTLENECKS, RESNETS, inner_width, resnet_width


def conv(num_in: int, num_out: int, size: int, *, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(num_in, num_out, size, stride=stride, padding=size // 2, bias=False)


def shortcut(num_in: int, num_out: int, stride: int) -> nn.Module | None:
    """Return what brings the input to the shape of the output; None where it has it already."""
    if stride == 1 and num_in == num_out:
        return None
    return nn.Sequential(conv(num_in, num_out, 1, stride=stride), nn.BatchNorm2d(num_out))


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions (ResNet-18 and 34)."""

    expansion = 1

    def __init__(self, num_in: int, width: int, inner: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv(num_in, inner, 3, stride=stride), nn.BatchNorm2d(inner)
        self.conv2, self.bn2 = conv(inner, width, 3), nn.BatchNorm2d(width)
        self.downsample = shortcut(num_in, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        kept = x if self.downsample is None else self.downsample(x)
        x = F.relu(self.bn1(self.conv1(x)))
        out: Tensor = F.relu(self.bn2(self.conv2(x)) + kept)
        return out


class Bottleneck(nn.Module):
    """1 x 1, 3 x 3, 1 x 1 (ResNet-50 and deeper); the stride lies on the 3 x 3."""

    expansion = 4

    def __init__(self, num_in: int, width: int, inner: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv(num_in, inner, 1), nn.BatchNorm2d(inner)
        self.conv2, self.bn2 = conv(inner, inner, 3, stride=stride), nn.BatchNorm2d(inner)
        self.conv3, self.bn3 = conv(inner, 4 * width, 1), nn.BatchNorm2d(4 * width)
        self.downsample = shortcut(num_in, 4 * width, stride)

    def forward(self, x: Tensor) -> Tensor:
        kept = x if self.downsample is None else self.downsample(x)
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        out: Tensor = F.relu(self.bn3(self.conv3(x)) + kept)
        return out


class ResNet(nn.Module):
    """Pictures (B, C, S, S) in, logits (B, classes) out."""

    def __init__(
        self,
        name: str,
        *,
        num_channels: int,
        num_classes: int,
        width_fraction: float,
        small_stem: bool,
        dropout: float,
        inner_fraction: float = 1.0,
    ) -> None:
        super().__init__()
        block = Bottleneck if name in BOTTLENECKS else BasicBlock
        width = resnet_width(width_fraction)
        self.small_stem = small_stem
        self.conv1 = conv(num_channels, width, 3) if small_stem else nn.Conv2d(num_channels, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        num_in = width
        for stage, depth in enumerate(RESNETS[name]):
            blocks = []
            for number in range(depth):
                stride = 2 if stage and number == 0 else 1
                inner = inner_width(width * 2**stage, inner_fraction)
                blocks.append(block(num_in, width * 2**stage, inner, stride))
                num_in = width * 2**stage * block.expansion
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(num_in, num_classes)
        self.init_weights()

    def init_weights(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, (BasicBlock, Bottleneck)):  # each block begins as the identity (Goyal et al. 2017)
                last = module.bn3 if isinstance(module, Bottleneck) else module.bn2
                nn.init.zeros_(last.weight)

    def extract(self, x: Tensor) -> Tensor:
        """Return what the last block sees (B, D, s, s): where Grad-CAM looks."""
        return self.extract_stages(x, ("layer4",))[0]

    def extract_stages(self, x: Tensor, names: tuple[str, ...]) -> list[Tensor]:
        """Return what the named stages see, `layer1` to `layer4`: what a feature pyramid is built on."""
        x = F.relu(self.bn1(self.conv1(x)))
        if not self.small_stem:
            x = F.max_pool2d(x, 3, 2, 1)
        found = {}
        for stage in ("layer1", "layer2", "layer3", "layer4"):
            found[stage] = x = self.get_submodule(stage)(x)
        return [found[name] for name in names]

    def width_of(self, stage: str) -> int:
        """Return the channels that a stage puts out."""
        last = self.get_submodule(stage)[-1]  # type: ignore[index]
        return int((last.bn3 if isinstance(last, Bottleneck) else last.bn2).num_features)

    def classify(self, features: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.dropout(features.mean(dim=(2, 3))))
        return logits

    def forward(self, x: Tensor) -> Tensor:
        return self.classify(self.extract(x))
