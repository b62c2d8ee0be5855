"""A detector learns where things are and what they are, resumes to the bit, shows pictures, and answers about one."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file

from tests.trainer.conftest import last_checkpoint, metric, of_kind, run_job
from tests.trainer.models.detect.canvases import canvases, prepared_canvases
from trainer.data.shards import open_version
from trainer.events import Evaluation, Finished, Report, Sample
from trainer.inference.loading import load_model
from trainer.metrics.report import read_report
from trainer.models.detect.drawing import answer

MODEL = {"width_fraction": 0.25, "pyramid_width": 32, "head_layers": 2, "flip": False}


def raw_spec(version: Path, *, num_steps: int, **changes: Any) -> dict[str, Any]:
    raw: dict[str, Any] = {
        "kind": "train",
        "family": "detect",
        "model": MODEL,
        "data": {"path": str(version)},
        "batch": {"sequence_length": 1, "sequences_per_step": 32},
        "optimizer": {"learning_rate": 4e-3, "beta2": 0.99, "weight_decay": 0.05},
        "schedule": {"num_steps": num_steps, "warmup_steps": 10},
        "evaluation": {"every_steps": num_steps, "sample_tokens": 0},
        "checkpoint": {"every_steps": num_steps},
        "machine": {"device": "cpu", "dtype": "float32", "compile": "off", "num_threads": 1},
    }
    return {**raw, **changes}


def boxes_there(version: Path, split: str) -> int:
    return len(open_version(version).open_split(split).boxes)


def test_digits_on_canvases_are_found(tmp_path: Path) -> None:
    version = prepared_canvases(tmp_path, num=500, side=64, classes=(0, 1, 7), most=2)
    events = run_job(tmp_path / "job", raw_spec(version, num_steps=220))
    result = cast(Finished, events[-1]).result
    assert result["test"]["map50"] >= 0.9
    assert result["test"]["map50"] > result["test"]["map50_95"] > 0.5
    assert {each.split for each in of_kind(events, Evaluation)} == {"validation", "test"}
    assert metric(events, "validation/map50")
    shown, *_, sample = of_kind(events, Sample)
    assert shown.step == 0
    assert {word for each in shown.pictures for word in each["caption"].split(", ")} <= {"0", "1", "7", "nothing"}
    assert sample.pictures[0]["image"].startswith("data:image/jpeg;base64,")
    assert sum(picture["is_right"] for picture in sample.pictures) >= len(sample.pictures) // 2
    report = read_report(next((tmp_path / "job").glob("attempts/*/artifacts/evaluation-test.json")))
    rows = {row[0]: row[1:] for row in report.tables[0].rows}
    assert set(rows) == {"0", "1", "7"}
    assert sum(row[0] for row in rows.values()) == boxes_there(version, "test")
    assert {each.name for each in report.metrics} == {"map50_95", "map50", "map75"}
    assert len(report.pictures) == min(16, report.num_examples)

    left = open_version(version).open_split("test")
    number = next(i for i in range(left.num_documents) if len(left.boxes_of(i)) == 1)
    out = io.BytesIO()
    Image.fromarray(left.read(np.array([number]))[0][..., 0]).save(out, "PNG")
    loaded = load_model(last_checkpoint(tmp_path / "job"))
    told = loaded.task.answer_image(loaded.model, out.getvalue())
    best, there = told["boxes"][0], left.boxes_of(number)[0]
    assert best["corners"] == pytest.approx((there[:4] / 64).tolist(), abs=0.06)
    assert told["labels"][0]["label"] == best["label"] in loaded.task.assets.label_names
    fewer_bits_find_as_much(tmp_path, found=result["test"]["map50_95"])
    a_smaller_one_learns_from_its_answers(tmp_path, version)


def a_smaller_one_learns_from_its_answers(folder: Path, version: Path) -> None:
    """From the answers alone, without the loss against the boxes, and with another ResNet's width."""
    model = {**MODEL, "width_fraction": 0.2, "head_layers": 1}
    teacher = {"teacher": str(last_checkpoint(folder / "job")), "weight": 1.0}
    events = run_job(folder / "taught", raw_spec(version, num_steps=100, model=model, distil=teacher))
    assert cast(Finished, events[-1]).result["test"]["map50"] >= 0.6
    finer = {**model, "finest_stride": "4"}
    events = run_job(folder / "finer", raw_spec(version, num_steps=2, model=finer, distil=teacher))
    assert "give model.finest_stride the teacher's value" in cast(Any, events[-1]).sentence


def fewer_bits_find_as_much(folder: Path, *, found: float) -> None:
    """What decides among detectors is no ratio of sums; its change has an interval over pictures all the same."""
    raw = {"kind": "compress", "checkpoint": str(last_checkpoint(folder / "job")), "method": "int8"}
    [told] = of_kind(run_job(folder / "small", raw), Report)
    change = next(each for each in told.report["differences"] if each["metric"] == "map50_95")
    assert change["before"] == pytest.approx(found, abs=0.01)
    assert change["low"] < change["high"]
    assert change["low"] <= change["difference"] <= change["high"]
    assert abs(change["difference"]) < 0.05


def test_boxes_come_back_as_shares_of_the_picture_that_was_sent() -> None:
    out = io.BytesIO()
    Image.new("L", (80, 40)).save(out, "PNG")
    found = np.array([[16, 24, 48, 40, 0, 0.9]])  # of 80 x 40 in the middle of a square of 64
    told = answer(found, ["cat"], out.getvalue(), 64, "pad")
    assert told["boxes"] == [{"label": "cat", "number": 0, "probability": 0.9, "corners": [0.25, 0.25, 0.75, 0.75]}]


def test_a_stopped_run_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    version = prepared_canvases(tmp_path, num=60, side=64, classes=(3, 5), most=2)
    every = {"evaluation": {"every_steps": 3, "sample_tokens": 0}, "checkpoint": {"every_steps": 3}}
    model = {**MODEL, "width_fraction": 0.1, "flip": True}
    spec = raw_spec(version, num_steps=6, **every, model=model) | {
        "batch": {"sequence_length": 1, "sequences_per_step": 8}
    }
    run_job(tmp_path / "whole", spec)
    run_job(tmp_path / "parts", spec, stop_at_step=4)
    run_job(tmp_path / "parts", spec, fence=2, resume_from=[last_checkpoint(tmp_path / "parts")])
    whole, parts = (
        load_file(last_checkpoint(tmp_path / name, fence) / "weights.safetensors")
        for name, fence in (("whole", 1), ("parts", 2))
    )
    assert whole.keys() == parts.keys()
    assert all((whole[name] == parts[name]).all() for name in whole)


@pytest.mark.long
@pytest.mark.timeout(1_800)
def test_all_ten_digits_are_found_as_a_user_would_train(tmp_path: Path) -> None:
    version = prepared_canvases(tmp_path, num=2_000, side=96, classes=range(10), most=4)
    spec = raw_spec(version, num_steps=1_200) | {"evaluation": {"every_steps": 300, "sample_tokens": 0}}
    events = run_job(tmp_path / "job", spec)
    result = cast(Finished, events[-1]).result
    assert result["test"]["map50"] >= 0.9, result["test"]


def test_canvases_hold_what_they_say(tmp_path: Path) -> None:
    with zipfile.ZipFile(canvases(tmp_path / "a.zip", num=5, side=64, classes=(1, 2), most=3)) as archive:
        told = json.loads(archive.read("instances.json"))
        for annotation in told["annotations"]:
            picture = Image.open(io.BytesIO(archive.read(f"images/{annotation['image_id']:05}.png")))
            x, y, w, h = annotation["bbox"]
            assert np.asarray(picture)[y : y + h, x : x + w].max() > 150
