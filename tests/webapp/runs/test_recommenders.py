"""What economics says of a recommender's training is what its program does: FLOP of the loss, memory of its tables, a list."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from economics.hardware import calibrated
from trainer.calibrate.steps import assets_of, counted_flop, made_up_of
from trainer.data.kinds import MadeUp
from trainer.families import get_family
from trainer.sections import BatchSpec, DataSpec
from trainer.spec import TrainSpec
from trainer.training.optimizer import Optimizer
from trainer.training.task import make_task
from webapp.runs.recommending import list_seconds
from webapp.runs.step_models import form_of, step_model

PRICED = [("two_tower", 128), ("dlrm", 64), ("sasrec", 16)]


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> MadeUp:
    found = made_up_of("interactions", Path(tmp_path_factory.mktemp("made-up")))
    assert found is not None
    return found


def spec_of(family: str, examples: int, **changes: Any) -> TrainSpec:
    model = replace(get_family(family).presets["tiny"], max_history=10, **changes)
    return TrainSpec(
        family=family,
        model=model,
        data=DataSpec(path=""),
        batch=BatchSpec(sequence_length=1, sequences_per_step=examples),
    )


def modelled(spec: TrainSpec, made_up: MadeUp) -> Any:
    step = step_model(spec.family, spec.model, made_up.facts, form_of(spec))
    assert step is not None
    return step


@pytest.mark.parametrize("negatives", ["in_batch", "uniform", "all"])
@pytest.mark.parametrize(("family", "examples"), PRICED)
def test_flop_of_telling_items_apart_are_those_that_torch_counts(
    family: str, examples: int, negatives: str, made_up: MadeUp
) -> None:
    spec = spec_of(family, examples if negatives != "all" else 8, negatives=negatives, num_negatives=200)
    task = make_task(spec, assets_of(made_up))
    model = task.build_model()
    # the last of each user's interactions, whose histories are full
    chosen = np.arange(spec.batch.sequences_per_step) * (60 if family != "sasrec" else 6) + (
        59 if family != "sasrec" else 0
    )
    batch = task.batch(made_up.split, chosen)
    flop = counted_flop(lambda: torch.autograd.backward(task.loss(model, batch)))
    assert flop / (modelled(spec, made_up).flop_per_unit * spec.batch.sequences_per_step) == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize("sparse", ["on", "off"])
@pytest.mark.parametrize(("family", "examples"), PRICED)
def test_the_optimiser_keeps_as_much_of_the_tables_as_is_quoted(
    family: str, examples: int, sparse: str, made_up: MadeUp
) -> None:
    spec = spec_of(family, examples, sparse_tables=sparse)
    task = make_task(spec, assets_of(made_up))
    model = task.build_model()
    optimizer = Optimizer(model, spec.optimizer, hidden_matrices=())
    task.loss(model, task.batch(made_up.split, np.arange(examples))).backward()
    optimizer.step(1.0)
    kept = sum(each.nbytes for each in optimizer.state_tensors().values())
    gradients = sum(p.grad.nbytes for p in model.parameters() if p.grad is not None and not p.grad.is_sparse)
    quoted = modelled(spec, made_up).memory("fp32", unified=True)
    assert quoted.optimizer == pytest.approx(kept, rel=0.02)
    of_features = 4 * 70 * spec.model.embedding_width  # their tables are small, and updated whole in any case
    assert quoted.gradients == pytest.approx(gradients, rel=0.02, abs=of_features if sparse == "on" else 0)


@pytest.mark.parametrize(("family", "examples"), PRICED)
def test_more_candidates_and_whole_tables_take_longer(family: str, examples: int, made_up: MadeUp) -> None:
    machine = calibrated(
        name="a processor", flop_per_second=1e11, memory_bytes=1e10, memory_bytes_per_second=2e10, kind="cpu"
    )

    def seconds(**changes: Any) -> float:
        found: float = modelled(spec_of(family, examples, **changes), made_up).seconds(machine, "fp32")
        return found

    few, many = (seconds(negatives="popularity", num_negatives=count) for count in (16, 1_024))
    assert many > 1.2 * few
    if family == "dlrm":
        assert many > 30 * few, "each candidate of a ranker is a pair that its whole network weighs"
    assert seconds(sparse_tables="off") > seconds(sparse_tables="on")


def test_a_list_takes_what_the_machine_took_to_rank_a_catalogue(made_up: MadeUp) -> None:
    spec = spec_of("two_tower", 64)
    timed = {
        "family": "two_tower", "preset": "tiny", "sequence_length": 1, "sequences_per_step": 64, "dtype": "float32",
        "data": made_up.facts, "reporting_seconds_per_example": 3e-4,
    }  # fmt: skip
    calibration = {"steps": [timed], "matmul_flop_per_second": 1e11, "memory_bytes_per_second": 1e10}
    assert list_seconds(spec, made_up.facts, calibration) == pytest.approx(3e-4)
    assert list_seconds(spec, {**made_up.facts, "num_items": 10_000}, calibration) == pytest.approx(6e-4)
    assert list_seconds(spec, made_up.facts, {}) is None
