"""Every row of a table through a model: no row is lost, and no cell is run."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.trainer.conftest import last_checkpoint, run_job
from tests.trainer.models.test_bert import bert_dict
from trainer.cli.main import main
from trainer.events import Failed


@pytest.fixture(scope="module")
def checkpoint(version: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("table") / "job"
    run_job(folder, bert_dict(version, optimizer={"learning_rate": 5e-3}, schedule={"num_steps": 50}))
    return last_checkpoint(folder)


def test_rows_come_back_with_their_label(checkpoint: Path, tmp_path: Path) -> None:
    table = tmp_path / "notes.csv"
    rows = [
        ["id", "text", "predicted"],
        ["1", "rain wind cloud storm", "?"],
        ["2", "salt bread 面包 soup", "=cmd"],
        ["3", "", "x"],
    ]
    with open(table, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    out = tmp_path / "job"
    assert main(["predict", str(checkpoint), str(table), "--out", str(out), "--device", "cpu"]) == 0
    made = next(out.rglob("predictions.csv"))
    with open(made, newline="", encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    assert [row["model_predicted"] for row in found] == ["weather", "kitchen", ""]
    assert [row["id"] for row in found] == ["1", "2", "3"]
    assert found[1]["predicted"] == "'=cmd"
    assert float(found[0]["probability"]) > 0.8


def test_a_table_that_begins_without_text_has_every_column(version: Path, tmp_path: Path) -> None:
    raw = bert_dict(version, model={"objective": "embed"}, schedule={"num_steps": 12})
    run_job(tmp_path / "train", raw)
    (tmp_path / "notes.jsonl").write_text('{"text": " "}\n{"text": "rain wind cloud storm"}\n')
    table = {"kind": "predict", "checkpoint": str(last_checkpoint(tmp_path / "train")), "batch_size": 1}
    run_job(tmp_path / "job", {**table, "table": str(tmp_path / "notes.jsonl")})
    with open(next((tmp_path / "job").rglob("predictions.csv")), newline="", encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    assert found[0]["vector"] == ""
    assert len(json.loads(found[1]["vector"])) > 1


def test_what_is_no_table_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("rain wind cloud")
    raw = {"kind": "predict", "checkpoint": str(checkpoint), "table": str(tmp_path / "a.txt")}
    last = run_job(tmp_path / "job", raw)[-1]
    assert isinstance(last, Failed)
    assert "is no table" in last.sentence
