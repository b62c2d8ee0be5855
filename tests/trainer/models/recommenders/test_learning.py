"""Recommenders learn: from the standard library's imports better than both baselines, and made-up tastes and orders come back.

Everything is started from the command line, as users do; the figures are those of the reports that it leaves.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.trainer.recommend_data import made_up_tastes, made_up_walks, stdlib_imports
from trainer.cli.main import main
from trainer.inference.find import find_checkpoint
from trainer.inference.loading import load_model
from trainer.metrics.report import EvaluationReport, read_report


def trained(folder: Path, files: list[Path], family: str, *, steps: int, prepare: Any = (), train: Any = ()) -> Path:
    """Prepare and train by the command line; return the job folder of the training."""
    sets = [part for setting in prepare for part in ("--set", f"recipe.{setting}")]
    data, out = folder / "data", folder / family
    if not data.exists():
        assert main(["prepare", *map(str, files), "--kind", "interactions", "--out", str(data), "--json", *sets]) == 0
    chosen = [part for setting in ("machine.num_threads=1", *train) for part in ("--set", setting)]
    command = ["train", "--data", str(data), "--family", family, "--steps", str(steps), "--out", str(out), "--json"]
    assert main([*command, "--device", "cpu", *chosen]) == 0
    return out


def report_of(job: Path, split: str = "test") -> EvaluationReport:
    return read_report(job / "attempts/1/artifacts" / f"evaluation-{split}.json")


def cells(report: EvaluationReport, column: str) -> dict[str, float]:
    """Return a measure of each model of the table beside the baselines."""
    table = report.tables[0]
    place = table.columns.index(column)
    return {row[0]: float(row[place].split(" ")[0]) for row in table.rows}


def test_imports_of_the_standard_library_beat_both_baselines(tmp_path: Path) -> None:
    settings = ["model.embedding_width=64", "model.tower_width=128", "evaluation.every_steps=120"]
    job = trained(
        tmp_path, stdlib_imports(tmp_path), "two_tower", steps=360, prepare=["filter.min_per_item=3"], train=settings
    )
    report = report_of(job)
    assert report.praise[0].startswith("This model beats both baselines"), report.notes
    low, high = map(float, re.findall(r"difference \+([\d.]+) to \+([\d.]+)", report.praise[0])[0])
    assert 0 < low < high
    ndcg = cells(report, "NDCG@10")
    assert ndcg["Two-tower recommender"] > ndcg["item-kNN"] > ndcg["most popular"]
    assert all(each.low is not None for each in report.metrics if not each.name.startswith("coverage"))


def test_known_tastes_are_found_again(tmp_path: Path) -> None:
    path, taste, kind = made_up_tastes(tmp_path)
    job = trained(
        tmp_path, [path], "two_tower", steps=300, train=["optimizer.learning_rate=0.02", "evaluation.every_steps=300"]
    )
    loaded = load_model(find_checkpoint(job), device="cpu")
    numbers = [int(item.name.removeprefix("商品")) for item in loaded.task.items]  # type: ignore[attr-defined]
    with torch.no_grad():
        vectors = loaded.model.all_item_vectors().numpy()  # type: ignore[operator]
    same = kind[numbers][:, None] == kind[numbers]
    likeness = vectors @ vectors.T
    off = ~np.eye(len(numbers), dtype=bool)
    assert likeness[same & off].mean() > likeness[~same].mean() + 0.25
    nearest = np.argsort(-np.where(off, likeness, -9), axis=1)[:, :5]
    assert (kind[numbers][nearest] == kind[numbers][:, None]).mean() > 0.9
    ndcg = cells(report_of(job), "NDCG@10")
    assert ndcg["Two-tower recommender"] > 2 * ndcg["most popular"]
    assert taste.max() == 5


def test_a_sequence_model_learns_the_order_that_neighbours_cannot_know(tmp_path: Path) -> None:
    settings = ["model.negatives=all", "optimizer.learning_rate=0.005", "evaluation.every_steps=200"]
    job = trained(tmp_path, [made_up_walks(tmp_path)], "sasrec", steps=200, prepare=["split.by=last"], train=settings)
    report = report_of(job)
    assert report.praise[0].startswith("This model beats both baselines"), report.notes
    recall = cells(report, "recall@10")
    assert recall["Sequence recommender (SASRec)"] > 0.8


def test_a_model_that_does_not_beat_the_baselines_is_told_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, _, _ = made_up_tastes(tmp_path, num_users=150)
    job = trained(tmp_path, [path], "two_tower", steps=1)
    assert report_of(job).notes[0].startswith("This model does NOT beat item-kNN")
    assert "does NOT beat item-kNN" in capsys.readouterr().out


@pytest.mark.long
@pytest.mark.timeout(1_800)
def test_imports_at_full_size_beat_both_baselines_by_far(tmp_path: Path) -> None:
    files = stdlib_imports(tmp_path)
    prepare = ["filter.min_per_item=2"]
    tower = trained(
        tmp_path, files, "two_tower", steps=1_200, prepare=prepare,
        train=["model.embedding_width=64", "model.tower_width=128", "evaluation.every_steps=100"],
    )  # fmt: skip
    ranker = trained(tmp_path, files, "dlrm", steps=1_000, prepare=prepare, train=["evaluation.every_steps=100"])
    for job in (tower, ranker):
        ndcg = cells(report_of(job), "NDCG@10")
        model = next(iter(ndcg.values()))
        assert model > ndcg["item-kNN"] > ndcg["most popular"]
    assert report_of(tower).praise[0].startswith("This model beats both baselines")
