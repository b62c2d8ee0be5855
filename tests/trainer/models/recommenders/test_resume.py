"""A recommender stopped and resumed is the run never interrupted, to the bit; rows are updated as in a whole table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.trainer.conftest import last_checkpoint, of_kind, run_job
from tests.trainer.data.interactions.tables import prepared, usual_rows, write_csv
from tests.trainer.training.test_resume import assert_same_end, assert_same_metrics
from trainer.cli.train import train_dict
from trainer.events import Finished, Started, Stopped
from trainer.sections import OptimizerSpec
from trainer.training.optimizer import Optimizer, clip_gradients


def raw_spec(version: Path, family: str, **model: Any) -> dict[str, Any]:
    raw = train_dict(data=version, family=family, preset=None, steps=12)
    raw["model"] |= {"num_negatives": 8, **model}
    raw["batch"]["sequences_per_step"] = 16
    raw["evaluation"] |= {"every_steps": 4, "max_batches": 2}
    raw["checkpoint"] = {"every_steps": 3}
    raw["machine"] |= {"device": "cpu", "dtype": "float32", "num_threads": 1}
    return raw


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("interactions")
    path = write_csv(folder / "clicks.csv", ["user_id", "item_id", "timestamp"], usual_rows())
    return prepared(folder / "version", path)[0].path


@pytest.mark.parametrize(("family", "sparse"), [("two_tower", "on"), ("dlrm", "on"), ("sasrec", "off")])
def test_stopped_and_resumed_equals_uninterrupted(version: Path, tmp_path: Path, family: str, sparse: str) -> None:
    raw = raw_spec(version, family, sparse_tables=sparse, negatives="popularity")
    whole = run_job(tmp_path / "whole", raw)
    first = run_job(tmp_path / "parts", raw, stop_at_step=5)
    assert isinstance(first[-1], Stopped)
    second = run_job(tmp_path / "parts", raw, fence=2, resume_from=[last_checkpoint(tmp_path / "parts")])
    assert isinstance(second[-1], Finished)
    step = of_kind(second, Started)[0].resumed_from_step
    assert step == first[-1].step
    assert_same_metrics(whole, second, after=step)
    assert_same_end(tmp_path / "whole", 1, tmp_path / "parts", 2)


def test_rows_alone_are_updated_as_the_whole_table_is_where_all_are_read() -> None:
    ends = []
    for sparse in (False, True):
        torch.manual_seed(0)
        table = torch.nn.EmbeddingBag(7, 3, mode="mean", sparse=sparse)
        model = torch.nn.ModuleDict({"table": table, "head": torch.nn.Linear(3, 1)})
        optimizer = Optimizer(model, OptimizerSpec(weight_decay=0.0), hidden_matrices=())
        assert len(optimizer.optimizers) == 1 + sparse
        for _ in range(5):
            optimizer.zero_grad()
            model["head"](table(torch.arange(7), torch.tensor([0, 3]))).square().sum().backward()
            norm = clip_gradients(model.parameters(), 0.1)
            optimizer.step(1.0)
        ends.append((table.weight.detach(), float(norm)))
    torch.testing.assert_close(ends[0][0], ends[1][0])
    assert ends[0][1] == pytest.approx(ends[1][1])
