"""The sums of a split unit by unit: they add up to the metrics, and say which metrics are ratios of them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.trainer.conftest import last_checkpoint, of_kind, run_job, train_dict
from trainer.events import Artifact, Evaluation
from trainer.training.units import Units, ratios_of


def evaluated(folder: Path, checkpoint: Path, **fields: Any) -> tuple[dict[str, Any], Units]:
    raw = {"kind": "evaluate", "checkpoint": str(checkpoint), "splits": ["test"], "device": "cpu", **fields}
    events = run_job(folder, raw)
    artifact = next(each for each in of_kind(events, Artifact) if each.name == "units-test")
    units = msgspec.json.decode((folder / artifact.path).read_bytes(), type=Units)
    return of_kind(events, Evaluation)[0].metrics, units


@pytest.mark.parametrize("family", ["gpt", "bow"])
def test_units_add_up_to_the_metrics(version: Path, tmp_path: Path, family: str) -> None:
    changes: dict[str, Any] = {"family": family, "schedule": {"num_steps": 4}}
    raw = train_dict(version, **changes)
    run_job(tmp_path / "train", {**raw, "model": {"width": 8}} if family == "bow" else raw)
    metrics, units = evaluated(tmp_path / "evaluate", last_checkpoint(tmp_path / "train"))
    expected = {"gpt": {"loss", "bits_per_byte"}, "bow": {"loss", "accuracy"}}[family]
    assert set(units.ratios) == expected
    assert len(units.counts) > 20
    for name, (above, below, factor) in units.ratios.items():
        assert sum(units.sums[above]) / sum(units.sums[below]) * factor == pytest.approx(metrics[name], rel=1e-4)


def test_only_ratios_are_found() -> None:
    sums = {"loss": [1.0, 2.0, 4.0, 3.0], "tokens": [10.0, 11.0, 9.0, 30.0]}

    def summarise(totals: dict[str, float]) -> dict[str, float]:
        loss = totals["loss"] / totals["tokens"]
        return {"loss": loss, "perplexity": math.exp(loss), "bits": loss / math.log(2), "num_tokens": totals["tokens"]}

    found = ratios_of(summarise, sums)
    assert set(found) == {"loss", "bits"}
    assert found["bits"][2] == pytest.approx(1 / math.log(2))


def test_a_run_tells_the_sums_of_its_test(version: Path, tmp_path: Path) -> None:
    """A family that keeps no answers: its runs can be paired by stretches all the same."""
    events = run_job(tmp_path, train_dict(version, schedule={"num_steps": 4}))
    told = next(each for each in of_kind(events, Artifact) if each.name == "units-test")
    units = msgspec.json.decode((tmp_path / told.path).read_bytes(), type=Units)
    test = next(each for each in of_kind(events, Evaluation) if each.split == "test")
    assert len(units.counts) > 20
    above, below, factor = units.ratios["loss"]
    assert sum(units.sums[above]) / sum(units.sums[below]) * factor == pytest.approx(test.metrics["loss"], rel=1e-4)
