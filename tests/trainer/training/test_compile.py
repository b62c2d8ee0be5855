"""A compiled run gives the losses of an eager one, to rounding; where nothing can compile it runs eagerly and says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.trainer.conftest import metric, of_kind, run_job, train_dict
from trainer.events import Finished, Resolved
from trainer.training.machine import missing_compiler


@pytest.mark.long
def test_compiled_losses_are_those_of_eager(version: Path, tmp_path: Path) -> None:
    eager = run_job(tmp_path / "eager", train_dict(version, schedule={"num_steps": 6}))
    compiled = run_job(tmp_path / "compiled", train_dict(version, schedule={"num_steps": 6}, machine={"compile": "on"}))
    assert isinstance(compiled[-1], Finished)
    assert of_kind(compiled, Resolved)[0].machine["compile"] == ("off" if missing_compiler("cpu") else "on")
    expected = list(metric(eager, "train/loss").values())
    assert list(metric(compiled, "train/loss").values()) == pytest.approx(expected, rel=1e-4)
