"""Leaving sources out: what is refitted, where interval widths come from, and what whole runs lose."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from economics.catalogue.accelerators import find_accelerator
from economics.constants import DECODE_FRACTION, RUN_FRACTION, STEP_OVERHEAD_SECONDS
from economics.training.outcome import Conditions, goodput_draws, share_between_steps
from economics.uncertainty import Interval
from economics.validation.predictions import Prediction
from economics.validation.refit import changed, refit_serving_on
from economics.validation.spreads import with_spreads_of_others
from economics.verbs import validate

DATA = Path(__file__).resolve().parents[2] / "benchmarks" / "data"


def test_one_node_loses_to_failures_alone_and_many_to_what_they_share() -> None:
    def kept(devices: int, step_seconds: float = 10.0) -> float:
        where = Conditions(
            accelerator=find_accelerator("h100"), num_accelerators=devices, num_params=10**9, step_seconds=step_seconds
        )
        return float(np.median(goodput_draws(where)[1]))

    assert kept(8) > 0.99
    assert kept(8) > kept(16) > kept(256)
    assert kept(256) == pytest.approx(RUN_FRACTION.value, rel=0.03)
    assert kept(8, 0.5) == kept(8)
    between = share_between_steps(5 * STEP_OVERHEAD_SECONDS.value / 0.5)  # five doublings, on half a second
    assert kept(256, 0.5) == pytest.approx(kept(256) / (1 + between), rel=0.03)


def prediction(cluster: str, error: float) -> Prediction:
    return Prediction(
        model="m", cluster=cluster, group="g", measured=1.0, predicted=Interval(0.1, float(np.exp(error)), 9.0), unit=""
    )


def test_widths_come_from_the_other_sources() -> None:
    rng = np.random.default_rng(0)
    calm = [prediction("calm", e) for e in 0.05 * rng.standard_normal(40)]
    wild = [prediction("wild", e) for e in 0.5 * rng.standard_normal(40)]
    found = with_spreads_of_others(calm + wild)
    width = {p.cluster: np.log(p.predicted.p90 / p.predicted.p50) for p in found}
    assert width["calm"] == pytest.approx(1.2816 * 0.5, rel=0.3)
    assert width["wild"] == pytest.approx(1.2816 * 0.05, rel=0.3)


def test_closed_batches_of_a_published_engine_are_predicted() -> None:
    found = validate(DATA / "economics_closed_batches.csv")["groups"]["closed batch"]
    assert found["num_rows"] == 37
    assert found["median_abs_ln_error"] < 0.20


def test_serving_constants_follow_the_rows_they_are_fitted_to() -> None:
    from csv import DictReader

    from economics.validation.inference import predict_inference, read_inference

    with (DATA / "economics_closed_batches.csv").open() as file:
        rows = [row for line in DictReader(file) if (row := read_inference(line)) is not None][:12]
    slower = DECODE_FRACTION.value * 0.8
    with changed({"DECODE_FRACTION": slower}):
        import dataclasses

        made = [dataclasses.replace(r, measured_tokens_per_second=predict_inference(r).p50) for r in rows]
    assert refit_serving_on(made)["DECODE_FRACTION"] == pytest.approx(slower, rel=0.08)
    assert refit_serving_on(rows[:3]) == {}


def test_rows_that_nothing_was_fitted_to_are_predicted() -> None:
    """Memory and speed of 70 B and 405 B on 256 and 512 devices in four forms of parallelism, published by one codebase."""
    from csv import DictReader

    from economics.validation.predictions import steady_choice
    from economics.validation.runs import read_run

    with (DATA / "economics_held_out_training.csv").open() as file:
        rows = [row for line in DictReader(file) if (row := read_run(line)) is not None and row.measured_reserved_bytes]
    assert len(rows) == 8
    for row in rows:
        choice = steady_choice(row, given=True)
        assert choice.memory.reserved_peak == pytest.approx(row.measured_reserved_bytes, rel=0.17)
        assert choice.time.tokens_per_second_per_accelerator == pytest.approx(row.measured_tokens_per_second, rel=0.2)


def test_engines_on_devices_that_nothing_was_fitted_to_are_predicted() -> None:
    found = validate(DATA / "economics_held_out_serving.csv")["groups"]["engine"]
    assert found["num_rows"] >= 100
    assert found["median_abs_ln_error"] < 0.20


def test_a_schedule_without_interleaving_is_not_searched_for_one() -> None:
    from economics.validation.parallelism import parse_parallelism

    plain, interleaved = (parse_parallelism(f"FSDP8 TP8 PP8 {word} LBS32", 512) for word in ("1F1B", "interleaved"))
    assert (plain.layout and plain.layout.virtual, plain.micro_batch) == (1, 4)
    assert (interleaved.layout and interleaved.layout.virtual, interleaved.micro_batch) == (2, 2)
    assert plain.schedule_told
    assert not parse_parallelism("TP8 PP8", 512).schedule_told


def test_what_whole_runs_lose_is_recovered_from_runs_made_with_it() -> None:
    from csv import DictReader
    from dataclasses import replace

    from economics.validation.runs import read_run
    from economics.validation.whole_runs import refit_run_constants, run_predictions

    with (DATA / "economics_whole_runs.csv").open() as file:
        rows = [row for line in DictReader(file) if (row := read_run(line)) is not None and row.num_accelerators > 8][
            :6
        ]
    with changed({"RUN_FRACTION": 0.7, "STEP_OVERHEAD_SECONDS": 0.01}):
        made = [replace(row, measured_hours=run_predictions(rows, [row])[0].predicted.p50) for row in rows]
    found = refit_run_constants(made)
    assert found["RUN_FRACTION"] == pytest.approx(0.7, rel=0.05)
    assert refit_run_constants(made[:1]) == {}
