"""A calibration measures what it says, in about the time it was given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.trainer.conftest import run_job
from trainer.calibrate.steps import MadeUpSplit, counted_flop, made_up_assets
from trainer.errors import SpecError
from trainer.events import Finished
from trainer.families import families
from trainer.spec import BatchSpec, DataSpec, TrainSpec, spec_from_dict
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
    step = found["steps"][0]
    assert step["family"] == "gpt"  # the usual family comes first: a short calibration does not reach all
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


def test_a_timed_batch_holds_the_tokens_it_names() -> None:
    assets, split = made_up_assets(), MadeUpSplit()
    for family in families().values():
        if family.data_kind != "text":
            continue
        for preset in family.calibration_presets:
            length = family.presets[preset].context_length
            batch = BatchSpec(sequence_length=length, sequences_per_step=2)
            spec = TrainSpec(family=family.name, model=family.presets[preset], data=DataSpec(path=""), batch=batch)
            task = make_task(spec, assets)
            assert task.count(task.batch(split, np.arange(2))) == 2 * length, (family.name, preset)  # type: ignore[arg-type]
