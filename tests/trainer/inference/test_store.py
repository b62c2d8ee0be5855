"""Models leave memory in the order in which they were last asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.trainer.conftest import run_job, train_dict
from trainer.inference.store import ModelStore


@pytest.fixture(scope="module")
def checkpoints(version: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("store") / "job"
    run_job(folder, train_dict(version, checkpoint={"every_steps": 3, "keep_last": 10}))
    return [str(folder / "attempts/1/checkpoints" / step) for step in ("3", "6", "9")]


def test_least_recently_used_leaves_first(checkpoints: list[str]) -> None:
    first, second, third = checkpoints
    size = ModelStore(limit_bytes=0, device="cpu").get(first).size_bytes
    store = ModelStore(limit_bytes=2 * size, device="cpu")
    a = store.get(first)
    store.get(second)
    assert store.get(first) is a
    store.get(third)
    assert store.checkpoints == [first, third]
    assert store.size_bytes <= store.limit_bytes


def test_one_model_stays_whatever_the_limit(checkpoints: list[str]) -> None:
    store = ModelStore(limit_bytes=1, device="cpu")
    store.get(checkpoints[0])
    store.get(checkpoints[1])
    assert store.checkpoints == [checkpoints[1]]
    assert store.unload() == 1
