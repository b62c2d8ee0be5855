"""A run killed at any moment and resumed equals, bit for bit, the run never interrupted."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from tests.trainer.conftest import events_of, last_checkpoint, metric, of_kind, run_job, train_dict, write_job
from trainer.events import Checkpoint, Evaluation, Failed, Finished, Message, Started, Stopped
from trainer.folder import AttemptSpec, JobFolder

CASES = {
    "adamw": {"regularisation": {"dropout": 0.2}},
    "muon": {"optimizer": {"name": "muon"}, "batch": {"micro_batch": 2}, "schedule": {"decay": "wsd"}},
    "onednn": {"machine": {"float32_products": "both"}, "model": {"model_width": 128}},
    "bert": {"family": "bert", "model": {"objective": "masked"}, "regularisation": {"dropout": 0.2}},
    "bow": {"family": "bow", "regularisation": {"dropout": 0.2, "label_smoothing": 0.1}},
}


def case_dict(version: Path, name: str, **changes: Any) -> dict[str, Any]:
    merged = {
        key: {**CASES[name].get(key, {}), **changes.get(key, {})}
        for key in CASES[name].keys() | changes.keys()
        if key != "family"
    }
    raw = train_dict(version, family=CASES[name].get("family", "gpt"), **merged)
    return {**raw, "model": {"width": 8}} if name == "bow" else raw


def assert_same_end(one: Path, fence_one: int, other: Path, fence_other: int) -> None:
    """Compare the last checkpoints tensor by tensor, to the last bit."""
    a, b = last_checkpoint(one, fence_one), last_checkpoint(other, fence_other)
    assert a.name == b.name
    for name in ("weights.safetensors", "optimizer.safetensors"):
        left, right = load_file(a / name), load_file(b / name)
        assert left.keys() == right.keys()
        assert all(left[key].equal(right[key]) for key in left), name


def assert_same_metrics(whole: list[Any], part: list[Any], *, after: int) -> None:
    for key in ("train/loss", "train/gradient_norm", "train/learning_rate", "validation/loss"):
        expected = {step: value for step, value in metric(whole, key).items() if step > after}
        assert metric(part, key) == expected, key
    assert of_kind(part, Evaluation)
    assert [e.metrics for e in of_kind(part, Evaluation)] == [e.metrics for e in of_kind(whole, Evaluation)]


@pytest.mark.parametrize("name", CASES)
def test_stopped_and_resumed_equals_uninterrupted(version: Path, tmp_path: Path, name: str) -> None:
    raw = case_dict(version, name)
    whole = run_job(tmp_path / "whole", raw)
    first = run_job(tmp_path / "parts", raw, stop_at_step=5)
    assert isinstance(first[-1], Stopped)
    second = run_job(tmp_path / "parts", raw, fence=2, resume_from=[last_checkpoint(tmp_path / "parts")])
    assert isinstance(second[-1], Finished)
    step = of_kind(second, Started)[0].resumed_from_step
    assert step == first[-1].step
    assert_same_metrics(whole, second, after=step)
    assert_same_end(tmp_path / "whole", 1, tmp_path / "parts", 2)


def start(folder: Path, fence: int, resume_from: list[Path]) -> subprocess.Popen[bytes]:
    JobFolder(folder).attempt(fence).write_spec(AttemptSpec(fence=fence, resume_from=[str(p) for p in resume_from]))
    command = [sys.executable, "-m", "trainer", "run", str(folder), "--attempt", str(fence)]
    return subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)


def kill(process: subprocess.Popen[bytes]) -> None:
    assert process.poll() is None, "the run was over before the kill: nothing was proved"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_for_step(folder: Path, fence: int, step: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    journal = JobFolder(folder).attempt(fence).journal
    while time.monotonic() < deadline and process.poll() is None:
        if journal.exists() and max(metric(events_of(folder, fence), "train/loss"), default=0) >= step:
            return
        time.sleep(0.002)
    raise AssertionError(f"step {step} was not reached")


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_and_resumed_equals_uninterrupted(version: Path, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    name = ["adamw", "muon"][seed % 2]
    raw = case_dict(version, name, schedule={"num_steps": 120, "warmup_steps": 20}, evaluation={"every_steps": 30})
    whole = run_job(tmp_path / "whole", raw)
    folder = write_job(tmp_path / "killed", raw)
    process = start(folder, 1, [])
    wait_for_step(folder, 1, chance.randint(5, 60), process)
    kill(process)
    checkpoint = last_checkpoint(folder)
    process = start(folder, 2, [checkpoint])
    assert process.wait(timeout=120) == 0
    resumed = events_of(folder, 2)
    assert of_kind(resumed, Started)[0].resumed_from_step == int(checkpoint.name)
    assert_same_metrics(whole, resumed, after=int(checkpoint.name))
    assert_same_end(tmp_path / "whole", 1, folder, 2)


def test_killed_while_writing_a_checkpoint_leaves_whole_ones_only(version: Path, tmp_path: Path) -> None:
    raw = train_dict(version, schedule={"num_steps": 5_000}, checkpoint={"every_steps": 1, "keep_last": 3})
    folder = write_job(tmp_path / "job", raw)
    process = start(folder, 1, [])
    wait_for_step(folder, 1, random.Random(3).randint(5, 30), process)
    checkpoints = JobFolder(folder).attempt(1).checkpoints
    deadline = time.monotonic() + 60
    while not list(checkpoints.glob(".writing-*")):
        assert time.monotonic() < deadline
    kill(process)
    assert list(checkpoints.glob(".writing-*")), "the kill came after the write: nothing was proved"
    newest = last_checkpoint(folder)
    done = int(newest.name)
    short = {**raw, "schedule": {"num_steps": done + 3, "warmup_steps": 3, "decay": "constant"}}
    events = run_job(tmp_path / "resumed", short, resume_from=[newest])
    assert isinstance(events[-1], Finished)
    assert not of_kind(events, Message)


def test_damaged_checkpoint_is_passed_over_with_a_warning(version: Path, tmp_path: Path) -> None:
    raw = train_dict(version)
    run_job(tmp_path / "job", raw)
    checkpoints = sorted((tmp_path / "job/attempts/1/checkpoints").iterdir(), key=lambda path: int(path.name))
    weights = checkpoints[-1] / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    events = run_job(tmp_path / "job", raw, fence=2, resume_from=[checkpoints[-1], checkpoints[-2]])
    assert "does not match its sha256" in of_kind(events, Message)[0].text
    assert of_kind(events, Started)[0].resumed_from_step == int(checkpoints[-2].name)
    assert isinstance(events[-1], Finished)


def test_without_any_whole_checkpoint_the_attempt_fails_with_a_sentence(version: Path, tmp_path: Path) -> None:
    events = run_job(tmp_path / "job", train_dict(version), resume_from=[tmp_path / "nowhere"])
    assert isinstance(events[-1], Failed)
    assert events[-1].code == "bad_input"


def test_same_seed_gives_the_same_bits_and_another_seed_does_not(version: Path, tmp_path: Path) -> None:
    raw = train_dict(version, regularisation={"dropout": 0.1})
    first, second = run_job(tmp_path / "a", raw), run_job(tmp_path / "b", raw)
    other = run_job(tmp_path / "c", {**raw, "seed": 2})
    assert metric(first, "train/loss") == metric(second, "train/loss") != metric(other, "train/loss")
    assert_same_end(tmp_path / "a", 1, tmp_path / "b", 1)


def test_branch_from_a_trunk_equals_the_run_that_never_branched(version: Path, tmp_path: Path) -> None:
    """A wsd trunk at its full rate, cut at step 8, then a run of 12 that falls over its last third."""
    wsd = {"num_steps": 12, "warmup_steps": 3, "decay": "wsd", "cooldown_fraction": 1 / 3}
    raw = train_dict(version, schedule=wsd, evaluation={"every_steps": 12}, checkpoint={"every_steps": 8})
    whole = run_job(tmp_path / "whole", raw)
    trunk = {**raw, "schedule": {**wsd, "num_steps": 100}}
    run_job(tmp_path / "trunk", trunk, stop_at_step=8)
    at_8 = tmp_path / "trunk/attempts/1/checkpoints/8"
    branch = run_job(tmp_path / "branch", {**raw, "branch_from": str(at_8)})
    assert isinstance(branch[-1], Finished)
    losses = metric(branch, "train/loss")
    assert losses == {step: value for step, value in metric(whole, "train/loss").items() if step > 8}
    assert of_kind(branch, Checkpoint)[-1].step == 12
    assert_same_end(tmp_path / "whole", 1, tmp_path / "branch", 1)
