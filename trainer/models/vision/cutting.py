"""Structured pruning of convolutional nets: smaller kernels of larger ones, without the channels that matter least.

In a ResNet the channels inside a block go, those between blocks stay: what blocks add to one another must fit. In a VGG each
convolution loses some, and the next one reads so many fewer. A channel counts what its filter (behind a batch norm: the
norm's scale, for filters are free in their length there) and the next layer's weights for it come to
(Li et al. 2017, Liu et al. 2017).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor

from trainer.errors import SpecError
from trainer.models.cutting import spans, strongest
from trainer.models.vision.sizes import BOTTLENECKS, RESNETS, VGG_HIDDEN, VGGS, inner_width, resnet_width, vgg_widths
from trainer.models.vision.spec import VisionSpec

Weights = dict[str, Tensor]
NORM = ("weight", "bias", "running_mean", "running_var")


def cut(weights: Mapping[str, Tensor], before: VisionSpec, after: VisionSpec) -> Weights:
    """Return the weights of a model with fewer channels; raise `SpecError` where that is not what the settings say."""
    if after.inner_fraction > before.inner_fraction or after.width_fraction > before.width_fraction:
        raise SpecError("model.inner_fraction and model.width_fraction must be at most those of transfer.source")
    if after.architecture in RESNETS and after.width_fraction == before.width_fraction != 0:
        if after.inner_fraction < before.inner_fraction:
            return cut_resnet(
                dict(weights), nets_of(weights), after.architecture,
                width_fraction=after.width_fraction, inner_fraction=after.inner_fraction,
            )  # fmt: skip
        raise SpecError(
            f"prune.method is structured, and model.inner_fraction is {after.inner_fraction}, that of transfer.source: make "
            "it smaller"
        )
    if after.architecture in VGGS and after.inner_fraction == before.inner_fraction:
        if after.width_fraction < before.width_fraction:
            return cut_vgg(dict(weights), after)
        raise SpecError(
            f"prune.method is structured, and model.width_fraction is {after.width_fraction}, that of transfer.source: make "
            "it smaller"
        )
    raise SpecError(
        "prune.method structured takes channels out of the blocks of a ResNet (model.inner_fraction) or of the convolutions "
        "of a VGG (model.width_fraction); a ViT is pruned by magnitude"
    )


def nets_of(weights: Mapping[str, Tensor]) -> list[str]:
    """Return the prefixes of the nets: the running mean of the weights, which answers, first."""
    return [name for name in ("average.", "net.") if any(key.startswith(name) for key in weights)]


def cut_resnet(
    weights: Weights, nets: list[str], architecture: str, *, width_fraction: float, inner_fraction: float
) -> Weights:
    """Keep so many channels inside each block, in place, in every ResNet of these prefixes."""
    width = resnet_width(width_fraction)
    inside = ("conv1", "conv2") if architecture in BOTTLENECKS else ("conv1",)
    for stage, depth in enumerate(RESNETS[architecture]):
        for number in range(depth):
            block, count = f"layer{stage + 1}.{number}.", inner_width(width * 2**stage, inner_fraction)
            for conv in inside:
                norm, following = conv.replace("conv", "bn"), f"conv{int(conv[-1]) + 1}"
                drop_channels(weights, nets, count, conv=block + conv, norm=block + norm, following=block + following)
    return weights


def cut_vgg(weights: Weights, after: VisionSpec) -> Weights:
    nets = nets_of(weights)
    convs = sorted(
        int(found[1])
        for name in weights
        if (found := re.fullmatch(re.escape(nets[0]) + r"features\.(\d+)\.weight", name)) and weights[name].dim() == 4
    )
    widths = vgg_widths(after.width_fraction)
    counts = [width for depth, width in zip(VGGS[after.architecture], widths, strict=True) for _ in range(depth)]
    dense = sorted({int(name.split(".")[2]) for name in weights if name.startswith(nets[0] + "classifier.")})
    for place, layer in enumerate(convs):
        is_last = place + 1 == len(convs)
        norm = f"features.{layer + 1}" if f"{nets[0]}features.{layer + 1}.running_mean" in weights else ""
        following = f"classifier.{dense[0]}" if is_last else f"features.{convs[place + 1]}"
        drop_channels(weights, nets, counts[place], conv=f"features.{layer}", norm=norm, following=following)
    hidden = round(VGG_HIDDEN * after.width_fraction)
    for one, other in pairwise(dense):
        drop_channels(weights, nets, hidden, conv=f"classifier.{one}", norm="", following=f"classifier.{other}")
    return weights


def drop_channels(weights: Weights, nets: list[str], count: int, *, conv: str, norm: str, following: str) -> None:
    """Keep so many of a layer's outputs, in place, in every net alike: as the first of them finds them."""
    own, read = weights[f"{nets[0]}{conv}.weight"], weights[f"{nets[0]}{following}.weight"]
    num_before = len(own)
    if count > num_before:
        raise SpecError(f"pruning leaves at most the {num_before} channels of {conv}; {count} are asked for")
    strength = weights[f"{nets[0]}{norm}.weight"].abs() if norm else own.flatten(1).norm(dim=1)
    per_channel = read.size(1) // num_before  # a dense layer reads several places of a channel
    reads = read.transpose(0, 1).reshape(num_before, -1).norm(dim=1)
    kept = strongest(strength * reads, count)
    for net in nets:
        for name in (f"{net}{conv}.weight", f"{net}{conv}.bias", *(f"{net}{norm}.{part}" for part in NORM if norm)):
            if name in weights:
                weights[name] = weights[name][kept].contiguous()
        name = f"{net}{following}.weight"
        columns = spans(kept, per_channel) if per_channel > 1 else kept
        weights[name] = torch.index_select(weights[name], 1, columns).contiguous()
