"""A trained recommender in use: lists for all users, a profile with reasons, what-if, export with an index."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.numpy import load_file
from usearch.index import Index

from tests.trainer.conftest import of_kind, run_job
from tests.trainer.models.recommenders.test_learning import trained
from tests.trainer.recommend_data import made_up_tastes
from trainer.cli.main import main
from trainer.data.shards import open_version
from trainer.errors import InputError
from trainer.events import Report
from trainer.export import export_model, load_exported
from trainer.inference.find import find_checkpoint
from trainer.inference.loading import LoadedModel, load_model
from trainer.recommend.profile import profile


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("use")


@pytest.fixture(scope="module")
def job(folder: Path) -> Path:
    path, _, _ = made_up_tastes(folder, num_users=150, num_items=60, num_tastes=3)
    settings = ["optimizer.learning_rate=0.02", "evaluation.every_steps=100"]
    return trained(folder, [path], "two_tower", steps=100, train=settings)


@pytest.fixture(scope="module")
def loaded(job: Path) -> LoadedModel:
    return load_model(find_checkpoint(job), device="cpu")


def test_every_user_gets_a_list_without_what_it_has_seen(job: Path, folder: Path, loaded: LoadedModel) -> None:
    assert main(["recommend", str(job), "--places", "5", "--out", str(folder / "csv"), "--json"]) == 0
    parquet = ["--form", "parquet", "--out", str(folder / "parquet"), "--json"]
    assert main(["recommend", str(job), "--places", "5", *parquet]) == 0
    with open(folder / "csv/attempts/1/artifacts/recommendations.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    split = open_version(loaded.task.spec.data.path).open_split("test")
    assert len(rows) == 5 * split.num_users
    for user, name in enumerate(split.user_names):
        own = [row["item"] for row in rows if row["user"] == name]
        seen = {split.item_names[i] for i in split.everything.of(user)}
        assert len(set(own)) == 5
        assert not seen & set(own)
    frame = pl.read_parquet(folder / "parquet/attempts/1/artifacts/recommendations.parquet")
    assert frame["item"].to_list() == [row["item"] for row in rows]


def test_a_profile_is_what_the_list_says_and_says_why(loaded: LoadedModel, job: Path, folder: Path) -> None:
    found = profile(loaded, user="用户7", top=5)
    split = open_version(loaded.task.spec.data.path).open_split("test")
    taken = [split.item_names[i] for i in split.everything.of(split.user_names.index("用户7"))]
    assert [each["item"] for each in found["history"]] == taken[::-1]
    assert found["is_changed"] is False
    best = found["items"][0]
    because = best["why"][0]
    less = profile(loaded, user="用户7", history=[name for name in taken if name != because["item"]], top=50)
    assert less["is_changed"] is True
    again = next(each for each in less["items"] if each["item"] == best["item"])
    assert best["score"] - again["score"] == pytest.approx(because["change"], abs=1e-4)
    assert len(found["nearest"]) == 8
    assert all(-1.001 <= each["likeness"] <= 1.001 for each in found["nearest"])
    kinds = {point["kind"] for point in found["map"]["points"]}
    assert kinds == {"history", "recommended", "other", "user"}
    assert 0 < found["map"]["share"] <= 1


def test_a_history_by_hand_makes_a_user_that_nobody_knows(loaded: LoadedModel) -> None:
    found = profile(loaded, history=["商品0", "商品3", "商品6"], top=10)
    assert found["user"] == ""
    kinds = [int(each["item"].removeprefix("商品")) % 3 for each in found["items"]]
    assert kinds.count(0) > 5  # the kind of what was taken
    empty = profile(loaded, history=[], top=3)
    assert len(empty["items"]) == 3
    with pytest.raises(InputError, match="does not know the item 'nothing'"):
        profile(loaded, history=["nothing"])
    with pytest.raises(InputError, match="there is no user 'nobody'"):
        profile(loaded, user="nobody")


def test_an_export_holds_vectors_and_an_index_whose_recall_is_told(
    job: Path, folder: Path, loaded: LoadedModel
) -> None:
    made = export_model(find_checkpoint(job), folder / "exported")
    vectors = load_file(made / "embeddings.safetensors")
    _, model = load_exported(made)
    with torch.no_grad():
        np.testing.assert_allclose(model.all_item_vectors().numpy(), vectors["items"], rtol=1e-5)  # type: ignore[operator]
    index = Index.restore(str(made / "items.usearch"))
    assert index is not None
    found = index.search(vectors["users"][:20], 10).keys
    exact = np.argsort(-(vectors["users"][:20] @ vectors["items"].T), axis=1)[:, :10]
    assert np.mean([len(set(a) & set(b)) for a, b in zip(found.tolist(), exact.tolist(), strict=True)]) > 9
    names = [json.loads(line) for line in (made / "users.jsonl").read_text(encoding="utf-8").splitlines()]
    assert names == open_version(loaded.task.spec.data.path).open_split("test").user_names
    assert len(names) == len(vectors["users"])
    readme = (made / "README.md").read_text(encoding="utf-8")
    assert "Of the exact first ten it finds" in readme


def test_without_its_data_a_model_still_answers_a_history(job: Path, folder: Path) -> None:
    copy = shutil.copytree(find_checkpoint(job), folder / "moved")
    alone = load_model(copy, device="cpu")
    data = Path(alone.task.spec.data.path)
    data.rename(data.with_name("away"))
    try:
        found = profile(alone, history=["商品1"])
        assert "not there any more" in found["note"]
        assert len(found["items"]) == 10
    finally:
        data.with_name("away").rename(data)


def test_tables_in_fewer_bits_recommend_alike(job: Path, folder: Path) -> None:
    """The tables are most of a recommender; looked up in bags, they are stored in fewer bits, too."""
    events = run_job(folder / "small", {"kind": "compress", "checkpoint": str(find_checkpoint(job)), "method": "int8"})
    [told] = of_kind(events, Report)
    before, after = told.report["before"], told.report["after"]
    assert after["resident_bytes"] < 0.4 * before["resident_bytes"]
    changes = {each["metric"]: each["difference"] for each in told.report["differences"]}
    assert abs(changes["ndcg_at_10"]) < 0.03
    made = next((folder / "small").glob("attempts/1/checkpoints/*"))
    assert main(["recommend", str(made), "--places", "3", "--out", str(folder / "small-lists"), "--json"]) == 0
