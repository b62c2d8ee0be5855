"""Weights of torchvision and timm start a run of pictures: the same logits as theirs, and what is frozen stays.

The references here are written anew from the papers with the published names of layers, so that they know nothing of ours.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from safetensors.torch import save_file
from torch import Tensor, nn

from trainer.adapt.build import build_model
from trainer.adapt.formats import spec_of_state_dict
from trainer.adapt.freezing import num_blocks, rate_scales
from trainer.adapt.source import read_source
from trainer.adapt.start import start_from
from trainer.errors import InputError, SpecError
from trainer.models.detect.spec import DetectSpec
from trainer.models.vision.spec import VisionSpec
from trainer.models.vision.state_dict import DEVIATION, MEAN
from trainer.sections import DataSpec, TransferSpec
from trainer.spec import TrainSpec
from trainer.training.assets import Assets
from trainer.training.task import Task, make_task

SIDE = 64
FACTS = {"side": SIDE, "num_channels": 3, "mean": [0.4] * 3, "deviation": [0.3] * 3, "method": "crop"}


class Residual(nn.Module):
    """ResNet-18 and 50 as in torchvision and timm."""

    def __init__(self, depths: tuple[int, ...], *, deep: bool, num_classes: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        wide, channels = 4 if deep else 1, 64
        for stage, depth in enumerate(depths):
            blocks = nn.Sequential()
            for number in range(depth):
                block, width, stride = nn.Module(), 64 * 2**stage, 2 if stage and not number else 1
                block.stride = stride
                shapes = [(channels, width, 1), (width, width, 3), (width, 4 * width, 1)]
                shapes = shapes if deep else [(channels, width, 3), (width, width, 3)]
                for index, (a, b, k) in enumerate(shapes, start=1):
                    takes_stride = index == (2 if deep else 1)
                    setattr(
                        block, f"conv{index}", nn.Conv2d(a, b, k, stride if takes_stride else 1, k // 2, bias=False)
                    )
                    setattr(block, f"bn{index}", nn.BatchNorm2d(b))
                if stride != 1 or channels != width * wide:
                    shortcut = nn.Conv2d(channels, width * wide, 1, stride, bias=False)
                    block.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(width * wide))
                blocks.append(block)
                channels = width * wide
            setattr(self, f"layer{stage + 1}", blocks)
        self.fc, self.num_layers = nn.Linear(channels, num_classes), 3 if deep else 2

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        for stage in range(1, 5):
            for block in getattr(self, f"layer{stage}"):
                kept = block.downsample(x) if hasattr(block, "downsample") else x
                for index in range(1, self.num_layers + 1):
                    x = getattr(block, f"bn{index}")(getattr(block, f"conv{index}")(x))
                    x = F.relu(x) if index < self.num_layers else F.relu(x + kept)
        return self.fc(x.mean((2, 3)))


class PatchTransformer(nn.Module):
    """ViT as timm names it: one matrix for queries, keys and values."""

    def __init__(self, *, depth: int, heads: int, width: int, patch: int, num_classes: int) -> None:
        super().__init__()
        self.heads = heads
        self.cls_token = nn.Parameter(torch.randn(1, 1, width))
        self.pos_embed = nn.Parameter(torch.randn(1, (SIDE // patch) ** 2 + 1, width))
        self.patch_embed = nn.Module()
        self.patch_embed.proj = nn.Conv2d(3, width, patch, patch)
        self.blocks = nn.ModuleList()
        for _ in range(depth):
            block = nn.Module()
            block.norm1, block.norm2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
            block.attn, block.mlp = nn.Module(), nn.Module()
            block.attn.qkv, block.attn.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
            block.mlp.fc1, block.mlp.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
            self.blocks.append(block)
        self.norm, self.head = nn.LayerNorm(width, eps=1e-6), nn.Linear(width, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch_embed.proj(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], 1) + self.pos_embed
        B, T, D = x.shape
        for block in self.blocks:
            q, k, v = (
                block.attn.qkv(block.norm1(x)).reshape(B, T, 3, self.heads, D // self.heads).permute(2, 0, 3, 1, 4)
            )
            scores = (q @ k.transpose(-2, -1) * (D // self.heads) ** -0.5).softmax(-1)
            x = x + block.attn.proj((scores @ v).transpose(1, 2).reshape(B, T, D))
            x = x + block.mlp.fc2(F.gelu(block.mlp.fc1(block.norm2(x))))
        return self.head(self.norm(x)[:, 0])


class Stacked(nn.Module):
    """VGG-11 as timm names it, with batch norms or without: its dense layers are convolutions."""

    def __init__(self, num_classes: int, *, normed: bool = False) -> None:
        super().__init__()
        layers, channels = [], 3
        for width in (64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"):
            if width == "M":
                layers.append(nn.MaxPool2d(2))
            else:
                layers.append(nn.Conv2d(channels, width, 3, padding=1))  # type: ignore[arg-type]
                layers += [nn.BatchNorm2d(width), nn.ReLU()] if normed else [nn.ReLU()]  # type: ignore[arg-type]
                channels = width  # type: ignore[assignment]
        self.features = nn.Sequential(*layers)
        self.pre_logits, self.head = nn.Module(), nn.Module()
        self.pre_logits.fc1, self.pre_logits.fc2 = nn.Conv2d(512, 4096, 7), nn.Conv2d(4096, 4096, 1)
        self.head.fc = nn.Linear(4096, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.adaptive_avg_pool2d(self.features(x), 7)
        return self.head.fc(F.relu(self.pre_logits.fc2(F.relu(self.pre_logits.fc1(x)))).flatten(1))


REFERENCES: dict[str, Any] = {
    "resnet18": lambda: Residual((2, 2, 2, 2), deep=False, num_classes=10),
    "resnet50": lambda: Residual((3, 4, 6, 3), deep=True, num_classes=10),
    "vit_tiny": lambda: PatchTransformer(depth=12, heads=3, width=192, patch=16, num_classes=10),
    "vgg11": lambda: Stacked(10),
    "vgg11_bn": lambda: Stacked(10, normed=True),
}


def saved(folder: Path, name: str, *, scattered: bool = True) -> tuple[nn.Module, Path]:
    """Return a reference with random weights and statistics, and the file of its weights."""
    torch.manual_seed(3)
    model = REFERENCES[name]().eval()
    for module in model.modules():
        if scattered and isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)  # type: ignore[union-attr]
            module.running_var.uniform_(0.5, 1.5)  # type: ignore[union-attr]
    path = folder / f"{name}.safetensors"
    save_file(model.state_dict(), path)
    return model, path


def task_of(source: Path, model: Any, *, family: str = "vision", classes: int = 10, **transfer: Any) -> Task:
    spec = TrainSpec(
        family=family, model=model, data=DataSpec(path=""), transfer=TransferSpec(source=str(source), **transfer)
    )
    return make_task(spec, Assets(label_names=[str(i) for i in range(classes)], facts=FACTS))


@pytest.mark.parametrize(
    "name", [*list(REFERENCES)[:3], *(pytest.param(name, marks=pytest.mark.long) for name in ("vgg11", "vgg11_bn"))]
)
def test_logits_are_those_of_the_reference(tmp_path: Path, name: str) -> None:
    reference, path = saved(tmp_path, name)
    source = read_source(path)
    assert (source.family, source.names, source.model.architecture) == (
        "vision",
        "state_dict",
        name.removesuffix("_bn"),
    )
    task = task_of(path, source.model)
    model = build_model(task)
    told = start_from(task, model, replace(task.spec.transfer, source_name="Pictures of streets"))
    assert told.sentence.startswith("Started from Pictures of streets: ")
    assert "new" not in told.sentence
    pictures = torch.rand(3, 3, SIDE, SIDE)
    mean, deviation = (torch.tensor(values)[:, None, None] for values in (MEAN, DEVIATION))
    with torch.no_grad():
        theirs = reference((pictures - mean) / deviation)
        torch.testing.assert_close(model.eval()(pictures), theirs, rtol=1e-4, atol=1e-4)


def test_a_folder_of_timm_is_read_by_its_weights(tmp_path: Path) -> None:
    _, path = saved(tmp_path, "resnet18")
    (tmp_path / "config.json").write_text(json.dumps({"architecture": "resnet18", "num_classes": 10}))
    path.rename(tmp_path / "model.safetensors")
    assert read_source(tmp_path).model.architecture == "resnet18"


def test_other_classes_get_a_new_head_and_the_running_mean_begins_at_the_weights(tmp_path: Path) -> None:
    _, path = saved(tmp_path, "resnet18")
    task = task_of(path, VisionSpec(stem="large", flip=False, ema_decay=0.9), classes=4)
    model = build_model(task)
    told = start_from(task, model, task.spec.transfer)
    assert {name for name in told.facts["new"] if name.startswith("net.")} == {"net.fc.weight", "net.fc.bias"}
    torch.testing.assert_close(model.average.conv1.weight, model.net.conv1.weight)  # type: ignore[union-attr]


@pytest.mark.parametrize(("name", "num"), [("resnet18", 4), ("vgg11", 5), ("vit_tiny", 12)])
def test_frozen_blocks_and_graded_rates_go_by_depth(tmp_path: Path, name: str, num: int) -> None:
    model_spec = VisionSpec(architecture=name, patch_side=16 if name == "vit_tiny" else 0)  # type: ignore[arg-type]
    task = task_of(tmp_path, model_spec, freeze_layers=2, layer_rate_decay=0.5)
    model = build_model(task)
    assert num_blocks(task, model) == num
    learns = {parameter: p.requires_grad for parameter, p in model.named_parameters()}
    assert all(learns[head] for head in task.head_names(model))
    frozen = [parameter for parameter, does in learns.items() if not does]
    assert frozen
    assert {task.block_of(parameter) for parameter in frozen} <= {None, 0, 1}
    scales = rate_scales(task, model)
    assert {scales[head] for head in task.head_names(model)} == {1.0}
    assert min(scales.values()) == 0.5 ** (
        num - (1 if name == "vgg11" else 0)
    )  # nothing lies below a VGG's first stage


def test_a_detector_starts_from_a_classifiers_resnet(tmp_path: Path) -> None:
    reference, path = saved(tmp_path, "resnet18")
    task = task_of(path, DetectSpec(pyramid_width=32, head_layers=1), family="detect", freeze_layers=2)
    model = build_model(task)
    told = start_from(task, model, task.spec.transfer)
    torch.testing.assert_close(
        model.backbone.layer3[1].conv2.weight,
        reference.layer3[1].conv2.weight,  # type: ignore[index, union-attr]
    )
    assert not any(name.startswith("backbone.") for name in told.facts["new"])
    assert not model.backbone.conv1.weight.requires_grad  # type: ignore[union-attr]


def test_what_does_not_fit_is_said(tmp_path: Path) -> None:
    _, path = saved(tmp_path, "resnet18")
    task = task_of(path, VisionSpec(architecture="resnet34", stem="large"))
    with pytest.raises(SpecError, match=r"model\.architecture is resnet34, and that of transfer.source is resnet18"):
        start_from(task, build_model(task), task.spec.transfer)
    save_file({"weight": torch.zeros(2)}, tmp_path / "other.safetensors")
    assert spec_of_state_dict(tmp_path / "other.safetensors") is None
    with pytest.raises(InputError):
        read_source(tmp_path / "other.safetensors")
