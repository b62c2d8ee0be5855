"""A sweep from the command line: it finds the better rate, stops what falls behind, and goes on where it ended."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from trainer.cli.main import main
from trainer.sweep.space import Setting

QUICK = (
    "machine.num_threads=1", "machine.dtype=float32", "machine.compile=off", "evaluation.sample_tokens=0",
    "evaluation.max_batches=2", "batch.sequences_per_step=4", "batch.sequence_length=16", "model.num_layers=1",
    "model.model_width=32", "model.num_heads=2",
)  # fmt: skip


def sweep(version: Path, out: Path, *more: str, steps: int = 36) -> int:
    sets = [f"--set={setting}" for setting in QUICK]
    return main(
        ["sweep", "--data", str(version), "--preset", "nano", "--steps", str(steps), "--out", str(out), *sets, *more]
    )


def rows_of(out: Path) -> list[dict[str, Any]]:
    with open(out / "sweep.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_grid_finds_the_better_rate_and_goes_on_where_it_ended(
    version: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    vary = ("--method", "grid", "--vary", "optimizer.learning_rate=1e-6, 1e-2", "--vary", "seed=1, 2")
    assert sweep(version, tmp_path, *vary, "--trials", "3") == 0
    assert len(rows_of(tmp_path)) == 3
    assert sweep(version, tmp_path, *vary) == 0
    rows = rows_of(tmp_path)
    assert [row["trial"] for row in rows] == ["1", "2", "3", "4"]
    losses = {
        (float(row["optimizer.learning_rate"]), row["seed"]): float(row["validation/loss"]) for row in rows
    }  # fmt: skip
    assert max(losses[1e-2, seed] for seed in "12") < min(losses[1e-6, seed] for seed in "12") - 0.5
    said = capsys.readouterr().out
    assert "validation/loss" in said
    assert "what mattered: it takes 6 runs with a result to say, and 4 have one" in said
    assert sweep(version, tmp_path, "--vary", "optimizer.weight_decay=0, 0.1") == 2  # another sweep lies there


def test_what_falls_behind_is_stopped(version: Path, tmp_path: Path) -> None:
    vary = ("--method", "grid", "--vary", "optimizer.learning_rate=1e-2, 2e-2, 1e-6", "--halving", "2")
    assert sweep(version, tmp_path, *vary) == 0
    rows = rows_of(tmp_path)
    assert rows[0]["end"] == "finished"
    assert rows[2]["end"] == "fell"
    assert float(rows[2]["seconds"]) > 0
    assert (tmp_path / "trials/003/attempts/1/checkpoints").is_dir()


def test_the_bayesian_way_hours_and_dollars(version: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    vary = ("--method", "bayesian", "--vary", "optimizer.learning_rate=1e-4 .. 1e-2 log")
    assert sweep(version, tmp_path, *vary, "--trials", "3", steps=4) == 0
    rates = [float(row["optimizer.learning_rate"]) for row in rows_of(tmp_path)]
    assert len(set(rates)) == 3
    assert all(1e-4 <= rate <= 1e-2 for rate in rates)
    assert sweep(version, tmp_path, *vary, "--trials", "9", "--hours", "0.0000001", steps=4) == 0
    assert len(rows_of(tmp_path)) == 3  # no run fits into what is left
    dollars = ("--trials", "9", "--usd", "0.0000001", "--usd-per-hour", "1")
    assert sweep(version, tmp_path, *vary, *dollars, steps=4) == 0
    assert len(rows_of(tmp_path)) == 3
    said = capsys.readouterr().out
    assert "best learning rate at width 32" in said
    assert "borrowed from muP" in said
    assert sweep(version, tmp_path, *vary, "--usd", "1", steps=4) == 2  # dollars of what machine?


@pytest.mark.parametrize(
    ("vary", "sentence"),
    [
        ("optimizer.learning_rte=1, 2", "Did you mean optimizer.learning_rate?"),
        ("optimizer.learning_rate", "is not of the form field=values"),
        ("seed=1", "Nothing varies"),
        ("optimizer.name=adamw, sgd", "is none of adamw, muon"),
    ],
)
def test_what_cannot_be_swept_is_refused(
    version: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], vary: str, sentence: str
) -> None:
    assert sweep(version, tmp_path / "none", "--vary", vary) == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_a_setting_reads_its_share_both_ways() -> None:
    setting = Setting(name="optimizer.learning_rate", low=1e-4, high=1e-2, is_log=True)
    assert setting.share(setting.at(0.25)) == pytest.approx(0.25, abs=1e-4)
