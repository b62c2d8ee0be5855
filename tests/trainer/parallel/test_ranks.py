"""One run in two processes: the same losses as in one, with DDP and with FSDP, and checkpoints that either goes on from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from safetensors.torch import load_file

from tests.trainer.conftest import last_checkpoint, metric, of_kind, run_job, train_dict
from trainer.events import AnyEvent, Evaluation, Failed, Finished, Message, Resolved, Sample, Started
from trainer.training.checkpoint import verify_checkpoint
from trainer.training.units import Units

TOLERANCE = 2e-6
"""Of a loss in float32, whose numbers are 6e-8 apart: sums over a step are taken in two halves, for a dozen steps."""
MUON_TOLERANCE = 2e-3
"""Muon orthogonalises in bfloat16, whose numbers are 8e-3 apart: a sum in another order moves single updates by one."""
CURVES = ("train/loss", "train/gradient_norm", "validation/loss")


def one(version: Path, **changes: Any) -> dict[str, Any]:
    return train_dict(version, **{"batch": {"micro_batch": 1}, **changes})


def two(version: Path, strategy: str, **changes: Any) -> dict[str, Any]:
    return one(version, parallel={"processes": 2, "strategy": strategy}, **changes)


def assert_same_curves(
    found: list[AnyEvent], expected: list[AnyEvent], *, after: int = 0, tolerance: float = TOLERANCE
) -> None:
    assert isinstance(found[-1], Finished), found[-1]
    for key in CURVES:
        wanted = {step: value for step, value in metric(expected, key).items() if step > after}
        assert metric(found, key) == pytest.approx(wanted, rel=tolerance), key
    for ours, theirs in zip(of_kind(found, Evaluation), of_kind(expected, Evaluation), strict=True):
        assert ours.metrics == pytest.approx(theirs.metrics, rel=tolerance)


def assert_same_units(found: Path, expected: Path) -> None:
    """The sums of the test split, stretch by stretch: of the whole of it, whoever had a share."""
    ours, theirs = (
        msgspec.json.decode((folder / "attempts/1/artifacts/units-test.json").read_bytes(), type=Units)
        for folder in (found, expected)
    )
    assert ours.counts == theirs.counts
    assert ours.sums["loss"] == pytest.approx(theirs.sums["loss"], rel=TOLERANCE)


@pytest.fixture(scope="module")
def alone(version: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[AnyEvent]]:
    folder = tmp_path_factory.mktemp("alone")
    return folder, run_job(folder, one(version))


def test_two_processes_with_ddp_train_as_one_does(
    version: Path, tmp_path: Path, alone: tuple[Path, list[AnyEvent]]
) -> None:
    """Two micro-batches for each of them: gradients meet at the second."""
    events = run_job(tmp_path, two(version, "ddp"))
    assert_same_curves(events, alone[1])
    assert [e.output for e in of_kind(events, Sample)] == [e.output for e in of_kind(alone[1], Sample)]
    assert len(of_kind(events, Started)) == 1, "only the first rank speaks"
    assert_same_units(tmp_path, alone[0])
    assert [event.line for event in events] == list(range(1, len(events) + 1))
    resolved = of_kind(events, Resolved)[0]
    assert resolved.facts["parallel"] == {"processes": 2, "strategy": "ddp"}
    assert resolved.reasons["num_threads"] == "1 for each of the 2 processes"
    assert resolved.reasons["processes"] == "each takes 2 of the 4 sequences of a step in 2 passes of 1"


def test_two_processes_with_fsdp_train_as_one_does_and_one_goes_on_from_their_parts(
    version: Path, tmp_path: Path, alone: tuple[Path, list[AnyEvent]]
) -> None:
    events = run_job(tmp_path, two(version, "fsdp"))
    assert_same_curves(events, alone[1])
    checkpoint = verify_checkpoint(tmp_path / "attempts/1/checkpoints/9")
    parts = [name for name in checkpoint.manifest.files if name.startswith("optimizer/")]
    assert len(parts) == 2
    whole = load_file(tmp_path / "attempts/1/checkpoints/9/weights.safetensors")
    assert whole.keys() == load_file(last_checkpoint(alone[0]) / "weights.safetensors").keys()
    again = run_job(tmp_path, one(version), fence=2, resume_from=[checkpoint.path])
    assert of_kind(again, Started)[0].resumed_from_step == 9
    assert_same_curves(again, alone[1], after=9)


def test_two_processes_with_fsdp_go_on_from_what_one_wrote(version: Path, tmp_path: Path) -> None:
    """With Muon, whose matrices are gathered for their step."""
    muon = {"optimizer": {"name": "muon"}}
    before = run_job(tmp_path / "one", one(version, **muon))
    events = run_job(
        tmp_path / "two",
        two(version, "fsdp", **muon),
        resume_from=[tmp_path / "one/attempts/1/checkpoints/9"],
    )
    assert_same_curves(events, before, after=9, tolerance=MUON_TOLERANCE)
    found = verify_checkpoint(last_checkpoint(tmp_path / "two")).optimizer()
    expected = verify_checkpoint(last_checkpoint(tmp_path / "one")).optimizer()
    assert found.keys() == expected.keys()
    assert all(found[name].shape == expected[name].shape for name in expected)


def test_a_step_that_does_not_divide_is_refused_with_the_numbers_that_would_do(version: Path, tmp_path: Path) -> None:
    events = run_job(tmp_path, two(version, "ddp", batch={"sequences_per_step": 5}))
    assert isinstance(events[-1], Failed)
    assert events[-1].code == "bad_spec"
    assert "batch.sequences_per_step (5) does not divide among 2 processes" in events[-1].sentence
    assert "make it 4 or 6" in events[-1].sentence


def test_what_goes_wrong_in_all_processes_is_told_once(version: Path, tmp_path: Path) -> None:
    raw = two(version, "ddp", optimizer={"learning_rate": 1e30, "gradient_clip": 0.0}, schedule={"warmup_steps": 0})
    events = run_job(tmp_path, raw)
    assert isinstance(events[-1], Failed)
    assert events[-1].code == "nan"
    assert not of_kind(events, Message)
