"""Recommenders made narrower by whole parts: what was silent goes first, and the rest answers as before."""

from __future__ import annotations

from dataclasses import replace
from math import log
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.trainer.conftest import last_checkpoint, metric, of_kind, run_job
from tests.trainer.models.recommenders.test_models import task_of
from tests.trainer.models.recommenders.test_models import version as version
from tests.trainer.models.recommenders.test_resume import raw_spec
from trainer.data.shards import PreparedVersion
from trainer.errors import SpecError
from trainer.events import Finished
from trainer.families import get_family, shrunk_model
from trainer.models.sasrec.cutting import cut as cut_sasrec
from trainer.recommend.model import Recommender
from trainer.recommend.task import RecommenderTask

NUM_ITEMS = 22
HALF = torch.arange(0, 32, 2)
"""Of 32 numbers, those that are made silent."""


def scores(task: RecommenderTask, model: Recommender, version: PreparedVersion) -> Tensor:
    batch = next(iter(task.evaluation_batches(version.open_split("validation"), batch_size=16, max_batches=1)))
    with torch.no_grad():
        return model.eval().score_all(batch)


def answers_before_and_after(version: PreparedVersion, family: str, silence: Any, **settings: Any) -> list[Tensor]:
    torch.manual_seed(3)
    task = task_of(version, family, **settings)
    model = task.build_model()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            silence(name, weight)
    smaller = task_of(version, family)
    smaller.model_spec = shrunk_model(get_family(family), task.model_spec, 0.5)
    narrow = smaller.make()
    narrow.load_state_dict(smaller_cut(smaller, model, task))
    assert sum(p.numel() for p in narrow.parameters()) < 0.6 * sum(p.numel() for p in model.parameters())
    return [scores(task, model, version), scores(smaller, narrow, version)]


def smaller_cut(smaller: RecommenderTask, model: Recommender, task: RecommenderTask) -> dict[str, Tensor]:
    return smaller.cut(model.state_dict(), task.model_spec)


@pytest.mark.parametrize("tied_items", [True, False])
def test_silent_numbers_of_two_towers_go_first(version: PreparedVersion, tied_items: bool) -> None:
    def silence(name: str, weight: Tensor) -> None:
        if "embedding" in name:
            weight[:, HALF] = 0
        elif name.endswith("tower.3.weight"):  # the outputs, and what they read of the hidden layer
            weight[HALF], weight[:, HALF] = 0, 0
        elif name.endswith("tower.3.bias"):
            weight[HALF] = 0

    sizes = {"embedding_width": 32, "tower_width": 32, "tower_layers": 2, "tied_items": tied_items}
    before, after = answers_before_and_after(version, "two_tower", silence, **sizes)
    assert before.std() > 0.1
    assert torch.allclose(before, after, atol=1e-4)


def test_silent_numbers_of_a_dlrm_go_first(version: PreparedVersion) -> None:
    def silence(name: str, weight: Tensor) -> None:
        if "embedding" in name:
            weight[:, HALF] = 0
        elif name.startswith("bottom.3"):  # its outputs are multiplied with what the tables hold
            weight[HALF] = 0
            if weight.dim() == 2:
                weight[:, HALF] = 0
        elif name in ("top.3.weight", "top.6.weight"):
            weight[:, HALF] = 0

    sizes = {"embedding_width": 32, "bottom_width": 32, "top_width": 32, "top_layers": 2}
    before, after = answers_before_and_after(version, "dlrm", silence, **sizes)
    assert before.std() > 1e-3
    assert torch.allclose(before, after, atol=1e-5)


def test_of_a_sasrec_what_was_added_in_silence_goes_again(version: PreparedVersion) -> None:
    """A model is made twice as wide: numbers of the stream, of heads and between that do little. Cut, it is the first again."""
    torch.manual_seed(4)
    task = task_of(version, "sasrec", embedding_width=16, num_heads=2, num_layers=2, feed_forward_width=8)
    weights = task.build_model().state_dict()
    wide = {name: widened(name, weight) for name, weight in weights.items()}
    before = replace(task.model_spec, embedding_width=32, feed_forward_width=16)  # type: ignore[call-arg]
    found = cut_sasrec(wide, before, task.model_spec)  # type: ignore[arg-type]
    assert found.keys() == weights.keys()
    for name, weight in weights.items():
        assert torch.allclose(found[name], weight, atol=1e-6), name


def widened(name: str, weight: Tensor) -> Tensor:
    """Return the weight in a stream of twice the width, of which only the first half is read."""
    if name.endswith("embedding.weight"):
        return torch.cat([weight, 0.01 * weight], dim=1)
    if name == "position_embedding":
        return torch.cat([weight, weight], dim=1)
    if "query_key_value" in name:  # (3D, D): in each head as many silent numbers behind its own
        parts = weight.view(3, 2, 8, -1)
        heads = torch.cat([parts, torch.zeros_like(parts)], dim=2)
        heads[0] *= 2**0.5  # products are divided by the root of a head's width
        flat = heads.reshape(96, -1)
        return torch.cat([flat, torch.zeros_like(flat)], dim=1) if weight.dim() == 2 else flat[:, 0]
    if name.endswith("output.weight"):
        parts = weight.view(16, 2, 8)
        weight = torch.cat([parts, torch.zeros_like(parts)], dim=2).view(16, 32)
    elif "feed_forward.0" in name:
        weight = torch.cat([weight, torch.zeros_like(weight)])
        return torch.cat([weight, torch.zeros_like(weight)], dim=1) if weight.dim() == 2 else weight
    elif name.endswith("feed_forward.3.weight"):
        weight = torch.cat([weight, torch.zeros_like(weight)], dim=1)
    return torch.cat([weight, weight])  # what is written, and norms


@pytest.mark.parametrize("family", ["two_tower", "dlrm", "sasrec"])
def test_a_narrower_recommender_goes_on_learning(version: PreparedVersion, tmp_path: Path, family: str) -> None:
    raw = raw_spec(version.path, family, negatives="all")
    raw["schedule"] |= {"num_steps": 60}
    raw["evaluation"] |= {"every_steps": 60, "max_batches": 0}
    run_job(tmp_path / "whole", raw)
    source = last_checkpoint(tmp_path / "whole")
    smaller = task_of(version, family).model_spec
    narrow = shrunk_model(get_family(family), smaller, 0.25)
    sizes = {name: getattr(narrow, name) for name in get_family(family).prunable}
    asked = {
        **raw,
        "model": {**raw["model"], **sizes},
        "transfer": {"source": str(source)},
        "prune": {"method": "structured"},
    }
    events = run_job(tmp_path / "narrow", asked)
    assert of_kind(events, Finished), events[-1]
    losses = metric(events, "validation/loss")
    assert losses[0] < log(NUM_ITEMS)  # it knows some of what the whole one learnt
    assert losses[60] < losses[0]


@pytest.mark.parametrize("family", ["two_tower", "dlrm", "sasrec"])
def test_what_is_not_narrower_is_refused_by_name(version: PreparedVersion, family: str) -> None:
    task = task_of(version, family)
    weights = task.build_model().state_dict()
    with pytest.raises(SpecError, match=r"make model\.embedding_width smaller"):
        task.cut(weights, task.model_spec)
    wider = replace(task.model_spec, embedding_width=task.model_spec.embedding_width // 2)
    with pytest.raises(SpecError, match="pruning leaves at most the"):
        task.cut(weights, wider)
