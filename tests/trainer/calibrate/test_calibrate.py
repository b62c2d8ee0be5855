"""A calibration measures what it says, in about the time it was given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.trainer.conftest import run_job
from trainer.calibrate.steps import assets_of, batch_of, counted_flop, made_up_of, timed_presets
from trainer.errors import SpecError
from trainer.events import Finished
from trainer.families import families
from trainer.sections import DataSpec
from trainer.spec import TrainSpec, spec_from_dict
from trainer.training.task import make_task


def test_the_machine_is_measured(tmp_path: Path) -> None:
    events = run_job(tmp_path / "job", {"kind": "calibrate", "seconds": 1.0, "num_threads": 1, "device": "cpu"})
    assert isinstance(events[-1], Finished)
    found = events[-1].result
    for name in (
        "matmul_flop_per_second",
        "memory_bytes_per_second",
        "disk_write_bytes_per_second",
        "training_flop_per_second",
    ):
        assert found[name] > 1e6, name
    assert all(each["measuring_seconds_per_example"] > 0 for each in found["steps"])
    told = {each["family"] for each in found["steps"] if each["reporting_seconds_per_example"] > 0}
    assert "gpt" not in told, "sums are all that it tells"
    assert told >= {"transformer", "two_tower", "vision"}
    step = found["steps"][0]
    assert step["family"] == "gpt"  # the usual family comes first
    timed = {name for name, family in families().items() if family.calibration_presets}
    assert {each["family"] for each in found["steps"]} == timed  # and however short the time, each has one step timed
    assert step["tokens_per_second"] == pytest.approx(
        step["sequence_length"] * step["sequences_per_step"] / step["seconds_per_step"]
    )
    assert step["flop_per_second"] < 2 * found["matmul_flop_per_second"]


def test_flop_are_counted_as_the_algebra_says() -> None:
    a, b = torch.randn(7, 11, requires_grad=True), torch.randn(11, 5, requires_grad=True)
    assert counted_flop(lambda: (a @ b).sum().backward()) == 3 * 2 * 7 * 11 * 5


def test_wrong_seconds_are_refused() -> None:
    with pytest.raises(SpecError, match=r"seconds is 0.1; it must be from 0.5 to 600"):
        spec_from_dict({"kind": "calibrate", "seconds": 0.1})


def test_a_timed_batch_holds_what_it_names(tmp_path: Path) -> None:
    kinds = {family.data_kind for family, _ in timed_presets()}
    made = {kind: made_up_of(kind, tmp_path) for kind in kinds}
    for family, preset in timed_presets():
        made_up = made[family.data_kind]
        assert made_up is not None
        batch = batch_of(family, family.presets[preset], "cpu")
        spec = TrainSpec(family=family.name, model=family.presets[preset], data=DataSpec(path=""), batch=batch)
        task = make_task(spec, assets_of(made_up))
        held = task.count(task.batch(made_up.split, np.arange(batch.sequences_per_step)))
        sides = 2 if family.data_kind == "pairs" else 1  # a source and a target of that length
        assert held == sides * batch.tokens_per_step, (family.name, preset)
