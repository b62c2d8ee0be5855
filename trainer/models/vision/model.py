"""A classifier of pictures: normalised input, one of the architectures, and the running mean of its weights."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from trainer.errors import SpecError
from trainer.models.vision.resnet import ResNet
from trainer.models.vision.sizes import RESNETS, VGGS
from trainer.models.vision.spec import VisionSpec
from trainer.models.vision.vgg import VGG
from trainer.models.vision.vit import ViT

Net = ResNet | VGG | ViT


def build_net(spec: VisionSpec, *, side: int, num_channels: int, num_classes: int, dropout: float) -> Net:
    """Return the architecture with fresh weights."""
    common = {"num_channels": num_channels, "num_classes": num_classes, "dropout": dropout}
    sizes = {"width_fraction": spec.width_fraction, "small_stem": spec.has_small_stem(side)}
    if spec.architecture in RESNETS:
        return ResNet(spec.architecture, **common, **sizes, inner_fraction=spec.inner_fraction)  # type: ignore[arg-type]
    if spec.architecture in VGGS:
        if side < 32:
            raise SpecError(f"VGG halves a picture five times, so it needs 32 pixels a side; these have {side}")
        return VGG(spec.architecture, **common, **sizes, batch_norm=spec.has_batch_norm(side))  # type: ignore[arg-type]
    patch = spec.patch(side)
    if side % patch:
        raise SpecError(f"model.patch_side ({patch}) must divide the side of the pictures ({side})")
    return ViT(spec.architecture, side=side, patch_side=patch, **common)  # type: ignore[arg-type]


class Classifier(nn.Module):
    """Pictures (B, C, S, S) from 0 to 1 in, logits (B, classes) out.

    With `ema_decay` the net learns, and its running mean is what answers once the model is in evaluation.
    """

    def __init__(self, net: Net, *, mean: Sequence[float], deviation: Sequence[float], ema_decay: float) -> None:
        super().__init__()
        self.net: Net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in its stubs
        self.ema_decay = ema_decay
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.tensor(mean)[:, None, None])
        self.register_buffer("deviation", torch.tensor(deviation)[:, None, None])
        self.average = copy.deepcopy(self.net).requires_grad_(False) if ema_decay else None

    def forward(self, pictures: Tensor) -> Tensor:
        if self.training:
            self.follow()
            return self.net(self.normalised(pictures))  # type: ignore[no-any-return]
        return self.answering(self.normalised(pictures))  # type: ignore[no-any-return]

    @property
    def answering(self) -> Net:
        return self.average if self.average is not None else self.net

    def normalised(self, pictures: Tensor) -> Tensor:
        return ((pictures - self.mean) / self.deviation).contiguous(memory_format=torch.channels_last)

    @torch.no_grad()
    def follow(self) -> None:
        """Let the running mean follow the weights; counts and statistics of batch normalisation are taken over."""
        if self.average is None:
            return
        mean: list[Tensor] = list(self.average.parameters())
        now: list[Tensor] = list(self.net.parameters())
        torch._foreach_lerp_(mean, now, 1 - self.ema_decay)
        for kept, current in zip(self.average.buffers(), self.net.buffers(), strict=True):
            kept.copy_(current)

    def parts(self) -> dict[str, int]:
        """Return how many parameters each part of the net has."""
        counted = {name: sum(p.numel() for p in part.parameters()) for name, part in self.net.named_children()}
        rest = sum(p.numel() for p in self.net.parameters()) - sum(counted.values())
        return {name: count for name, count in {**counted, "other": rest}.items() if count}
