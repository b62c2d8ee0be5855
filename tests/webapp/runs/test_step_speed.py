"""What a step is quoted at: in the number format that the run will take by itself, which goes with the model's size."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.webapp.quotes.rows import CALIBRATION
from trainer.families import get_family
from trainer.sections import BatchSpec, DataSpec
from trainer.spec import TrainSpec
from webapp.runs.step_speed import dtype_of, machine_accelerator, measuring_seconds, step_speed
from webapp.runs.taught_step import step_model_of

FACTS = {"vocab_size": 4_096}
OWN_DTYPES = {"nano": "float32", "micro": "float32", "mini": "bfloat16"}
SPEEDUP = 4.5


def calibrated_in(dtypes: dict[str, str], *, speedup: float = SPEEDUP) -> dict[str, Any]:
    """A processor that multiplies bfloat16 so much faster; each preset was timed in the format given."""
    rates = {"float32": 9e10, "bfloat16": speedup * 9e10}
    steps = [
        {**step, "dtype": dtype, "seconds_per_step": step["seconds_per_step"] / (3 if dtype == "bfloat16" else 1)}
        for step in CALIBRATION["steps"]
        if (dtype := dtypes[step["preset"]])
    ]
    return {
        **CALIBRATION, "matmul_flop_per_second": max(rates.values()), "matmul_flop_per_second_by_dtype": rates,
        "bfloat16_speedup": speedup, "steps": steps,
    }  # fmt: skip


def spec_of(preset: str, *, length: int, sequences: int, dtype: str = "auto") -> TrainSpec:
    spec = TrainSpec(
        family="gpt", model=get_family("gpt").presets[preset], data=DataSpec(path=""),
        batch=BatchSpec(sequence_length=length, sequences_per_step=sequences),
    )  # fmt: skip
    return replace(spec, machine=replace(spec.machine, dtype=dtype))  # type: ignore[arg-type]


def quoted(spec: TrainSpec, calibration: dict[str, Any]) -> float:
    step = step_model_of(spec, FACTS)
    assert step is not None
    speed = step_speed(spec, step, calibration)
    assert speed is not None
    return speed.seconds


@pytest.mark.parametrize("number", range(3))
def test_a_step_that_was_timed_is_quoted_at_what_it_took(number: int) -> None:
    """The first was timed in float32, the last in bfloat16: what one of them took says nothing of the other's format."""
    calibration = calibrated_in(OWN_DTYPES)
    timed = calibration["steps"][number]
    spec = spec_of(timed["preset"], length=timed["sequence_length"], sequences=timed["sequences_per_step"])
    assert quoted(spec, calibration) == pytest.approx(timed["seconds_per_step"])


def test_a_larger_model_is_quoted_in_the_format_that_it_will_take() -> None:
    calibration = calibrated_in(OWN_DTYPES)
    by_itself, half, whole = (
        quoted(spec_of("small", length=256, sequences=4, dtype=dtype), calibration)
        for dtype in ("auto", "bfloat16", "float32")
    )
    assert by_itself == half
    assert whole > 1.5 * half


@pytest.mark.parametrize(("num_parameters", "speedup", "dtype"), [
    (1e6, SPEEDUP, "float32"), (1e8, SPEEDUP, "bfloat16"), (1e8, 1.2, "float32"), (1e8, None, "float32"),
])  # fmt: skip
def test_the_format_goes_with_the_size_and_with_what_the_processor_gains(
    num_parameters: float, speedup: float | None, dtype: str
) -> None:
    calibration = {**calibrated_in(OWN_DTYPES), "bfloat16_speedup": speedup}
    assert dtype_of(spec_of("nano", length=8, sequences=8), num_parameters, calibration) == dtype


def test_an_older_calibration_tells_by_its_rates_and_an_accelerator_by_its_steps() -> None:
    spec, calibration = spec_of("nano", length=8, sequences=8), calibrated_in(OWN_DTYPES)
    older = {name: value for name, value in calibration.items() if name != "bfloat16_speedup"}
    assert dtype_of(spec, 1e8, older) == "bfloat16"
    on_gpu = {**calibrated_in(dict.fromkeys(OWN_DTYPES, "float16")), "device": "cuda:0"}
    assert dtype_of(spec, 1e3, on_gpu) == "float16"


def test_what_the_model_knows_of_a_step_of_few_examples_is_not_taken_for_overhead() -> None:
    """A net of many weights is changed once a step, however few pictures it is of: a net of few is not quoted that, too."""
    data = {"side": 32, "num_channels": 3, "num_labels": 10}
    machine = {"matmul_flop_per_second": 2e11, "memory_bytes_per_second": 2e10, "num_threads": 2}

    def modelled(preset: str, examples: int) -> float:
        spec = replace(
            spec_of("nano", length=1, sequences=examples), family="vision", model=get_family("vision").presets[preset]
        )
        step = step_model_of(spec, data)
        assert step is not None
        found = machine_accelerator(machine)
        assert found is not None
        return step.seconds(found, "fp32")

    slower = 1.3
    timed = {
        "family": "vision", "preset": "resnet18", "sequence_length": 1, "sequences_per_step": 32, "few_examples": 4,
        "seconds_per_step": slower * modelled("resnet18", 32), "seconds_per_step_of_few": slower * modelled("resnet18", 4),
        "data": data,
    }  # fmt: skip
    spec = replace(spec_of("nano", length=1, sequences=8), family="vision", model=get_family("vision").presets["tiny"])
    step = step_model_of(spec, data)
    assert step is not None
    speed = step_speed(spec, step, {**machine, "steps": [timed]})
    assert speed is not None
    assert speed.overhead_seconds == pytest.approx(0.0, abs=1e-9)
    assert speed.seconds == pytest.approx(slower * modelled("tiny", 8))


@pytest.mark.parametrize(("preset", "share"), [("vgg11", None), ("vit-tiny", 1 / 3)])
def test_a_vision_transformer_is_not_measured_at_the_rate_of_convolutions(preset: str, share: float | None) -> None:
    data = {"side": 32, "num_channels": 3, "num_labels": 10}
    timed = {
        "family": "vision", "preset": "resnet18", "sequence_length": 1, "sequences_per_step": 32, "seconds_per_step": 0.4,
        "measuring_seconds_per_example": 1e-6, "data": data,
    }  # fmt: skip
    calibration = {**CALIBRATION, "steps": [*CALIBRATION["steps"], timed]}
    spec = replace(
        spec_of("nano", length=1, sequences=8, dtype="float32"), family="vision",
        model=get_family("vision").presets[preset],
    )  # fmt: skip
    step = step_model_of(spec, data)
    assert step is not None
    measuring, speed = measuring_seconds(spec, step, data, calibration), step_speed(spec, step, calibration)
    assert measuring
    assert speed is not None
    if share:
        assert measuring == pytest.approx(share * speed.seconds / 8)
    else:
        assert measuring < 1e-5
    assert measuring_seconds(spec, step, data, calibration, what="reporting") is None
