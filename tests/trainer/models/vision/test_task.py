"""A classifier of pictures learns, resumes to the bit, reports, and says where it looked."""

from __future__ import annotations

import importlib
import io
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from tests.trainer.conftest import events_of, last_checkpoint, metric, of_kind, run_job
from tests.trainer.data.images.pictures import encoded, picture, zip_of
from trainer.cli.main import main
from trainer.data.images.prepare import prepare
from trainer.data.images.recipe import ImageRecipe
from trainer.data.sources import SourceSpec
from trainer.data.spec import PrepareSpec
from trainer.errors import InputError
from trainer.events import Artifact, Evaluation, Finished, Resolved, Sample
from trainer.inference.loading import load_model
from trainer.metrics.report import read_report
from trainer.models.vision.model import Classifier, build_net
from trainer.models.vision.picture import heat_map
from trainer.models.vision.spec import VisionSpec


def stripes(seed: int, *, upright: bool) -> Image.Image:
    """Return noisy stripes: the class is which way they run, wherever they lie and however bright they are."""
    chance = np.random.default_rng(seed)
    wave = np.sin(np.arange(32) * chance.uniform(0.6, 1.2) + chance.uniform(0, 6))
    plane = np.tile(wave, (32, 1)) if upright else np.tile(wave[:, None], (1, 32))
    plane = 128 + 60 * plane + chance.normal(0, 20, (32, 32))
    return Image.fromarray(plane.clip(0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stripes")
    members = {
        f"{'upright' if i % 2 else 'lying'}/{i}.png": encoded(stripes(i, upright=bool(i % 2))) for i in range(400)
    }
    source = SourceSpec(path=str(zip_of(folder / "stripes.zip", members)))
    recipe = ImageRecipe.from_dict({"resize": {"side": 32, "channels": "grey"}})
    prepare(PrepareSpec(sources=[source], data_kind="images", recipe=recipe), folder / "version")
    return folder / "version"


def raw_spec(version: Path, **changes: Any) -> dict[str, Any]:
    raw: dict[str, Any] = {
        "kind": "train",
        "family": "vision",
        "model": {"width_fraction": 0.125, "flip": True, "shift_fraction": 0.1, "mixup": 0.2, "ema_decay": 0.5},
        "data": {"path": str(version)},
        "batch": {"sequence_length": 1, "sequences_per_step": 32},
        "optimizer": {"learning_rate": 3e-3, "beta2": 0.99},
        "schedule": {"num_steps": 30, "warmup_steps": 3},
        "evaluation": {"every_steps": 10, "sample_tokens": 0},
        "checkpoint": {"every_steps": 10},
        "machine": {"device": "cpu", "dtype": "float32", "compile": "off", "num_threads": 1},
    }
    return {**raw, **changes}


def test_it_learns_reports_and_answers(version: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    events = run_job(tmp_path / "job", raw_spec(version))
    assert isinstance(events[-1], Finished), events[-1]
    (resolved,) = of_kind(events, Resolved)
    assert resolved.reasons["layout"].startswith("channels last")
    assert resolved.reasons["batches"].startswith("3 are made ahead")
    test = [event for event in of_kind(events, Evaluation) if event.split == "test"][-1]
    assert test.metrics["accuracy"] >= 0.9  # the larger class alone gives about a half
    artifact = next(event for event in of_kind(events, Artifact) if event.name == "evaluation-test")
    report = read_report(tmp_path / "job" / artifact.path)
    accuracy = next(each for each in report.metrics if each.name == "accuracy")
    assert accuracy.low is not None
    assert accuracy.low <= test.metrics["accuracy"] <= accuracy.high
    loaded = load_model(last_checkpoint(tmp_path / "job"))
    answer = loaded.task.answer_image(loaded.model, encoded(stripes(9_001, upright=True)))
    assert answer["labels"][0]["label"] == "upright"
    heat = np.array(answer["heat"])
    assert heat.min() >= 0
    assert heat.max() == 1
    (tmp_path / "one.png").write_bytes(encoded(stripes(9_001, upright=True)))
    assert main(["predict", str(tmp_path / "job"), str(tmp_path / "one.png")]) == 0
    assert json.loads(capsys.readouterr().out)["labels"][0]["label"] == "upright"
    with pytest.raises(InputError, match="cannot be read"):
        loaded.task.answer_image(loaded.model, b"no picture")


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Small steps wait for their threads where others work beside them."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(
    ("architecture", "side", "num_steps"), [("resnet18", 32, 30), ("vgg11", 64, 30), ("vit_tiny", 32, 15)]
)
def test_the_heat_map_is_where_it_looked(architecture: Any, side: int, num_steps: int) -> None:
    """Of a net that has learnt to see whether a corner is bright."""
    torch.manual_seed(3)
    spec = VisionSpec(architecture=architecture, width_fraction=0.125, stem="small", patch_side=8)
    net = build_net(spec, side=side, num_channels=1, num_classes=2, dropout=0.0)
    model = Classifier(net, mean=[0.5], deviation=[0.25], ema_decay=0.0).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for _ in range(num_steps):
        pictures, classes = with_bright_corners(16, side)
        torch.autograd.backward(torch.nn.functional.cross_entropy(model(pictures), classes))
        optimizer.step()
        optimizer.zero_grad()
    pictures, classes = with_bright_corners(32, side)
    model.eval()
    assert (model(pictures).argmax(1) == classes).float().mean() > 0.9
    maps = torch.stack([torch.tensor(heat_map(model, picture[None])[0]) for picture in pictures[classes == 1]])
    half = maps.size(1) // 2
    assert maps[:, :half, :half].mean() > 1.2 * maps.mean()


def with_bright_corners(num: int, side: int) -> tuple[torch.Tensor, torch.Tensor]:
    pictures, classes = 0.4 * torch.rand(num, 1, side, side), torch.arange(num) % 2
    pictures[classes == 1, :, side // 16 : side * 3 // 8, side // 16 : side * 3 // 8] += 0.6
    return pictures, classes


def test_stopped_and_resumed_equals_uninterrupted(version: Path, tmp_path: Path) -> None:
    """Augmentation, mixing, dropout and the running mean go on where they were."""
    raw = raw_spec(version, schedule={"num_steps": 12, "warmup_steps": 2}, regularisation={"dropout": 0.2})
    raw["evaluation"] = {"every_steps": 6, "sample_tokens": 0}
    whole = run_job(tmp_path / "whole", raw)
    run_job(tmp_path / "parts", raw, stop_at_step=5)
    second = run_job(tmp_path / "parts", raw, fence=2, resume_from=[last_checkpoint(tmp_path / "parts")])
    assert isinstance(second[-1], Finished)
    losses = metric(whole, "train/loss")
    assert all(losses[step] == value for step, value in metric(second, "train/loss").items())
    one, other = last_checkpoint(tmp_path / "whole"), last_checkpoint(tmp_path / "parts", 2)
    left, right = (load_file(folder / "weights.safetensors") for folder in (one, other))
    assert all(left[name].equal(right[name]) for name in left)


def test_the_run_shows_what_the_model_is_shown(version: Path, tmp_path: Path) -> None:
    """Mixed pictures say of what, and looking at them changes nothing: the losses are those of the run without."""
    raw = raw_spec(version, schedule={"num_steps": 2, "warmup_steps": 0})
    raw["model"] |= {"mixup": 1.0}
    (first, *later) = of_kind(run_job(tmp_path / "job", raw), Sample)
    assert first.step == 0
    assert all(picture["is_right"] is None for picture in first.pictures)
    assert any(re.fullmatch(r"\w+ \d+% \+ \w+ \d+%", picture["caption"]) for picture in first.pictures)
    assert len({picture["image"] for picture in first.pictures}) == len(first.pictures)
    assert all(picture["is_right"] is not None for sample in later for picture in sample.pictures)


def test_pictures_without_classes_are_refused_with_advice(tmp_path: Path) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for i in range(20):
            archive.writestr(f"{i}.png", encoded(picture(i)))
    (tmp_path / "x.zip").write_bytes(data.getvalue())
    source = SourceSpec(path=str(tmp_path / "x.zip"))
    prepare(PrepareSpec(sources=[source], data_kind="images", recipe=ImageRecipe()), tmp_path / "version")
    events = run_job(tmp_path / "job", raw_spec(tmp_path / "version"))
    assert "fewer than two classes" in events[-1].sentence
    assert events_of(tmp_path / "job")


def test_half_the_channels_learn_from_the_whole_model(version: Path, tmp_path: Path) -> None:
    """Pruned by channels or by weights, the model recovers with its former self as teacher; zeros stay in the running mean."""
    run_job(tmp_path / "whole", raw_spec(version))
    whole = last_checkpoint(tmp_path / "whole")
    model, source = raw_spec(version)["model"], {"transfer": {"source": str(whole)}}
    taught = {"distil": {"teacher": str(whole)}}
    forms = {
        "structured": {"model": {**model, "inner_fraction": 0.5}, "prune": {"method": "structured"}},
        "magnitude": {"prune": {"method": "magnitude", "fraction": 0.7}},
    }
    for name, form in forms.items():
        events = run_job(tmp_path / name, raw_spec(version, **source, **taught, **form))
        assert isinstance(events[-1], Finished), events[-1]
        assert events[-1].result["test"]["accuracy"] >= 0.9
    small, sparse = (load_file(last_checkpoint(tmp_path / name) / "weights.safetensors") for name in forms)
    assert small["net.layer4.0.conv1.weight"].shape == (32, 32, 3, 3)
    for name in ("net.layer4.0.conv1.weight", "average.layer4.0.conv1.weight"):
        assert float((sparse[name] == 0).float().mean()) == pytest.approx(0.7, abs=1e-3)


@pytest.mark.long
def test_digits_to_97_percent(tmp_path: Path) -> None:
    digits = importlib.import_module("sklearn.datasets").load_digits()
    members = {}
    for i, (levels, number) in enumerate(zip(digits.images, digits.target, strict=True)):
        image = Image.fromarray((levels / 16 * 255).astype(np.uint8)).resize((32, 32), Image.Resampling.BICUBIC)
        members[f"{number}/{i:04d}.png"] = encoded(image)
    source = SourceSpec(path=str(zip_of(tmp_path / "digits.zip", members)))
    recipe = ImageRecipe.from_dict({"resize": {"side": 32, "channels": "grey"}})
    prepare(PrepareSpec(sources=[source], data_kind="images", recipe=recipe), tmp_path / "version")
    settings = ("model.flip=false", "evaluation.every_steps=100", "machine.device=cpu", "machine.compile=off")
    command = [sys.executable, "-m", "trainer", "train", "--data", str(tmp_path / "version"), "--family", "vision"]
    command += ["--preset", "tiny", "--steps", "300", "--out", str(tmp_path / "job")]
    subprocess.run([*command, *(f"--set={setting}" for setting in settings)], check=True)
    events = events_of(tmp_path / "job")
    (resolved,) = of_kind(events, Resolved)
    assert resolved.reasons["layout"].startswith("channels last")
    assert resolved.reasons["batches"].startswith("3 are made ahead")
    test = [event for event in of_kind(events, Evaluation) if event.split == "test"][-1]
    assert test.metrics["accuracy"] >= 0.97
    assert events[-1].result["seconds"] < 120
