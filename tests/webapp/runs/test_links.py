"""What economics counts of a family's settings is what its models have, to the unit."""

from __future__ import annotations

import pytest

from trainer.data.interactions.store import Item
from trainer.families import families
from trainer.models.bert.model import Bert
from trainer.models.bert.spec import BertSpec, shrunk
from trainer.models.detect.model import Detector
from trainer.models.dlrm.model import Dlrm
from trainer.models.sasrec.model import Sasrec
from trainer.models.two_tower.model import TwoTower
from trainer.models.vision.model import build_net
from trainer.models.vision.spec import VisionSpec
from webapp.runs.architectures import architecture_of, link_of, num_parameters_of

FACTS = {"side": 32, "num_channels": 1, "num_labels": 7}


@pytest.mark.parametrize("side", [32, 224])
@pytest.mark.parametrize(
    "spec",
    [
        VisionSpec(),
        VisionSpec(width_fraction=0.3),
        VisionSpec(architecture="resnet50", width_fraction=0.5),
        VisionSpec(width_fraction=0.3, inner_fraction=0.4),
        VisionSpec(architecture="resnet50", inner_fraction=0.25),
        VisionSpec(architecture="vgg13", width_fraction=0.25),
        VisionSpec(architecture="vgg13", width_fraction=0.25, batch_norm="on"),
        VisionSpec(architecture="vit_tiny"),
    ],
    ids=lambda spec: f"{spec.architecture}-{spec.width_fraction}-{spec.inner_fraction}",
)
def test_parameters_of_nets_of_pictures(spec: VisionSpec, side: int) -> None:
    net = build_net(spec, side=side, num_channels=1, num_classes=7, dropout=0.0)
    counted = num_parameters_of("vision", spec, {**FACTS, "side": side})
    assert counted == sum(parameter.numel() for parameter in net.parameters())


@pytest.mark.parametrize("form", ["original", "modern"])
def test_parameters_of_an_encoder_that_was_pruned(form: str) -> None:
    spec = shrunk(BertSpec(objective="masked", form=form, num_heads=4), 0.5)  # type: ignore[arg-type]
    built = Bert(spec, vocab_size=90)
    assert num_parameters_of("bert", spec, {"vocab_size": 90}) == sum(p.numel() for p in built.parameters())


@pytest.mark.parametrize("features", [0, 5])
@pytest.mark.parametrize("family", ["two_tower", "dlrm", "sasrec"])
def test_parameters_of_recommenders(family: str, features: int) -> None:
    items = [Item(f"商品{n}", "", n, list(range(features))) for n in range(11)]
    for model in families()[family].presets.values():
        built = {
            "two_tower": lambda m=model: TwoTower(m, items, num_user_features=3, num_item_features=features, dropout=0),
            "dlrm": lambda m=model: Dlrm(m, items, num_user_features=3, num_item_features=features, dropout=0),
            "sasrec": lambda m=model: Sasrec(m, items, num_item_features=features, dropout=0),
        }[family]()
        facts = {"num_items": 11, "num_user_features": 3, "num_item_features": features}
        assert num_parameters_of(family, model, facts) == sum(p.numel() for p in built.parameters())


@pytest.mark.parametrize("side", [96, 512])
@pytest.mark.parametrize("preset", ["tiny", "resnet50"])
def test_parameters_of_detectors(preset: str, side: int) -> None:
    spec = families()["detect"].presets[preset]
    model = Detector(spec, side=side, num_channels=1, num_classes=7, mean=[0.0], deviation=[1.0])
    counted = num_parameters_of("detect", spec, {**FACTS, "side": side})
    assert counted == sum(parameter.numel() for parameter in model.parameters())


def test_unknown_data_leaves_the_size_unknown() -> None:
    assert architecture_of("vision", VisionSpec(), {"vocab_size": 100}) is None
    assert architecture_of("gpt", families()["gpt"].presets["nano"], {"side": 32}) is None
    assert link_of("bow") is None
