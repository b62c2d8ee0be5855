"""Architectures: counts to the unit, names of weights as torchvision 0.28 has them, small pictures, running means."""

from __future__ import annotations

import hashlib

import pytest
import torch
from torch import nn

from trainer.errors import SpecError
from trainer.models.vision.model import Classifier, build_net
from trainer.models.vision.spec import VisionSpec

# (parameters with 1,000 classes, digest of the names and shapes of torchvision's weights); with the same weights each
# gave the same logits as torchvision's, to the last bit
PUBLISHED = {
    "resnet18": (11_689_512, "5191d63ec3989592"),
    "resnet34": (21_797_672, "f8de2a1812ef85e4"),
    "resnet50": (25_557_032, "a87e91cd6bd1f939"),
    "resnet101": (44_549_160, "dbc3ca74fffafc72"),
    "resnet152": (60_192_808, "7d486dbdc941506e"),
    "vgg11": (132_863_336, "b11acd4f90d9643f"),
    "vgg13": (133_047_848, "79ca8fd7a1480aa7"),
    "vgg16": (138_357_544, "ba63c2556d912509"),
    "vgg19": (143_667_240, "393fac8b08b63fbe"),
    "vit_base": (86_567_656, "2c2360f6707280a8"),
}
OTHER_FORMS = {
    "vgg11": 132_868_840,
    "vgg13": 133_053_736,
    "vgg16": 138_365_992,
    "vgg19": 143_678_248,
    "vit_tiny": 5_717_416,  # as timm counts them
    "vit_small": 22_050_664,
}


def digest(net: nn.Module) -> str:
    lines = [f"{name} {tuple(value.shape)}" for name, value in sorted(net.state_dict().items())]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


@pytest.mark.parametrize("name", PUBLISHED)
def test_counts_and_names_are_the_published_ones(name: str) -> None:
    with torch.device("meta"):
        spec = VisionSpec(architecture=name, stem="large")  # type: ignore[arg-type]
        net = build_net(spec, side=224, num_channels=3, num_classes=1_000, dropout=0.0)
    assert (sum(p.numel() for p in net.parameters()), digest(net)) == PUBLISHED[name]


@pytest.mark.parametrize("name", OTHER_FORMS)
def test_counts_with_batch_norms_and_of_smaller_transformers_are_the_published_ones(name: str) -> None:
    with torch.device("meta"):
        spec = VisionSpec(architecture=name, stem="large", batch_norm="on")  # type: ignore[arg-type]
        net = build_net(spec, side=224, num_channels=3, num_classes=1_000, dropout=0.0)
    assert sum(p.numel() for p in net.parameters()) == OTHER_FORMS[name]


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "vgg11", "vit_tiny"])
@pytest.mark.parametrize("num_channels", [1, 3])
def test_small_pictures_give_logits(name: str, num_channels: int) -> None:
    spec = VisionSpec(architecture=name, width_fraction=0.25)  # type: ignore[arg-type]
    net = build_net(spec, side=32, num_channels=num_channels, num_classes=7, dropout=0.1)
    assert net(torch.rand(2, num_channels, 32, 32)).shape == (2, 7)


def test_sizes_that_do_not_fit_are_told() -> None:
    with pytest.raises(SpecError, match="needs 32 pixels"):
        build_net(VisionSpec(architecture="vgg11"), side=16, num_channels=3, num_classes=2, dropout=0)
    with pytest.raises(SpecError, match="must divide"):
        build_net(VisionSpec(architecture="vit_tiny", patch_side=7), side=32, num_channels=3, num_classes=2, dropout=0)


def test_the_running_mean_answers_and_the_net_learns() -> None:
    torch.manual_seed(1)
    net = build_net(VisionSpec(width_fraction=0.125), side=16, num_channels=1, num_classes=3, dropout=0.0)
    model = Classifier(net, mean=[0.5], deviation=[0.25], ema_decay=0.9)
    pictures = torch.rand(4, 1, 16, 16)
    before = model.net.fc.weight.detach().clone()  # type: ignore[union-attr]
    with torch.no_grad():
        model.net.fc.weight += 1  # type: ignore[union-attr]
    model.train()
    model(pictures)
    assert model.average is not None
    torch.testing.assert_close(model.average.fc.weight, before + 0.1)  # type: ignore[union-attr]
    model.eval()
    torch.testing.assert_close(model(pictures), model.average(model.normalised(pictures)))
    assert {name.split(".")[0] for name, p in model.named_parameters() if p.requires_grad} == {"net"}
