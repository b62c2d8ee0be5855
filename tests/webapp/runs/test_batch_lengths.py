"""Where an example is a document, a step is quoted by the tokens that batches really hold, and not by its window."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.factories import Cast
from tests.webapp.runs.rows import make_version
from trainer.data.parts.recipe import PairsRecipe
from trainer.data.prepare import prepare
from trainer.data.recipe import TokenizerStep
from trainer.data.sources import SourceSpec
from trainer.data.spec import PrepareSpec
from trainer.families import get_family
from trainer.sections import BatchSpec, DataSpec
from trainer.spec import TrainSpec
from webapp.datasets.lengths import part_lengths
from webapp.runs.architectures import Facts
from webapp.runs.batch_lengths import expected_longest
from webapp.runs.estimates import epochs
from webapp.runs.step_models import StepModel, form_of, step_model
from webapp.runs.step_speed import step_speed
from webapp.runs.work import count_passes

WINDOW, EXAMPLES = 64, 32
FACTS = {"vocab_size": 4_096}


def spec_of(family: str, **model: Any) -> TrainSpec:
    preset = replace(get_family(family).presets["tiny"], **model)
    batch = BatchSpec(sequence_length=WINDOW, sequences_per_step=EXAMPLES)
    return TrainSpec(family=family, model=preset, data=DataSpec(path=""), batch=batch)


def step_of(spec: TrainSpec, facts: Facts) -> StepModel:
    step = step_model(spec.family, spec.model, facts, form_of(spec))
    assert step is not None
    return step


def test_the_longest_of_a_batch_is_told_as_draws_have_it() -> None:
    draw = np.random.default_rng(1)
    lengths = draw.geometric(0.1, 500)
    drawn = draw.choice(lengths, (20_000, EXAMPLES)).max(axis=1).mean()
    assert expected_longest(lengths, EXAMPLES) == pytest.approx(drawn, rel=0.01)


@pytest.mark.parametrize(("family", "model", "lengths"), [
    ("transformer", {}, {"source": [7] * 50, "target": [7] * 50}),
    ("bert", {"objective": "classify"}, {"document": [14] * 50}),
])  # fmt: skip
def test_short_documents_are_quoted_shorter_and_long_ones_as_their_window(
    family: str, model: dict[str, Any], lengths: dict[str, list[int]]
) -> None:
    """Texts of an eighth and a fourth of the window take about that share of the FLOP, and as much memory at most."""
    spec = spec_of(family, **model)
    whole = step_of(spec, FACTS)
    short = step_of(spec, {**FACTS, "part_lengths": lengths})
    long = step_of(spec, {**FACTS, "part_lengths": {role: [1_000, 2_000] for role in lengths}})
    share = (lengths.get("document") or lengths["source"])[0] / WINDOW
    assert share < short.flop_per_unit / whole.flop_per_unit < 1.25 * share
    assert long.flop_per_unit == whole.flop_per_unit
    assert short.memory("fp32", unified=True) == whole.memory("fp32", unified=True)


def test_a_step_of_short_pairs_is_quoted_at_a_fraction_of_what_full_windows_took() -> None:
    spec = spec_of("transformer")
    timed = {
        "family": "transformer", "preset": "tiny", "sequence_length": WINDOW, "sequences_per_step": EXAMPLES,
        "seconds_per_step": 0.2, "data": FACTS,
    }  # fmt: skip
    calibration = {"matmul_flop_per_second": 2e11, "memory_bytes_per_second": 2e10, "num_threads": 2, "steps": [timed]}
    pairs = {"part_lengths": {"source": [7] * 9, "target": [7] * 9}}
    full, short = (step_speed(spec, step_of(spec, FACTS | more), calibration) for more in ({}, pairs))
    assert full
    assert short
    assert full.seconds == pytest.approx(0.2)
    assert short.seconds < 0.25 * full.seconds


def test_a_masked_encoder_reads_running_text_however_long_its_documents_are() -> None:
    spec = spec_of("bert", objective="masked")
    short = step_of(spec, {**FACTS, "part_lengths": {"document": [14] * 50}})
    assert short.flop_per_unit == step_of(spec, FACTS).flop_per_unit


@pytest.mark.django_db
def test_lengths_are_read_where_a_version_lies_and_its_pairs_are_measured_one_by_one(
    cast: Cast, tmp_path: Path
) -> None:
    with (tmp_path / "pairs.csv").open("w", newline="") as file:
        rows = [(f"{n} is read", f"and {n} is what is written of it, which is longer") for n in range(60)]
        csv.writer(file).writerows([("source", "target"), *rows])
    recipe = PairsRecipe(tokenizer=TokenizerStep(vocab_size=300))
    source = SourceSpec(path=str(tmp_path / "pairs.csv"))
    made = prepare(PrepareSpec(sources=[source], data_kind="pairs", recipe=recipe), tmp_path / "version")
    lengths = part_lengths(made.path, made.manifest.content_hash)
    train = made.open_split("train")
    texts = [{part.role: len(part.tokens) for part in train.parts(n)} for n in range(train.num_documents)]
    assert lengths == {role: [each[role] for each in texts] for role in ("source", "target")}
    assert np.mean(lengths["target"]) > 1.5 * np.mean(lengths["source"])

    splits = {
        name: {"documents": part.num_documents, "tokens": part.num_tokens}
        for name, part in made.manifest.splits.items()
    }
    version = make_version(
        cast, stored_path=str(made.path), content_hash=made.manifest.content_hash, splits=splits, data_kind="pairs"
    )
    passes = count_passes(spec_of("transformer"), version)
    held_out = splits["validation"]["documents"] + splits["test"]["documents"]
    assert passes.reported_examples == held_out
    spec = spec_of("transformer")
    read = spec.schedule.num_steps * spec.batch.sequences_per_step
    assert epochs(spec, version) == read / splits["train"]["documents"]


def test_a_version_whose_files_are_gone_is_quoted_by_its_windows(tmp_path: Path) -> None:
    assert part_lengths(tmp_path / "gone", "c" * 64) == {}
