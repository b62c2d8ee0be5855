"""The demo's model where no ladder came before it: the largest preset that gets enough tokens in the time."""

from __future__ import annotations

from dataclasses import replace

from trainer.families import get_family
from trainer.sections import (
    BatchSpec,
    CheckpointSpec,
    DataSpec,
    EvaluationSpec,
    MachineSpec,
    OptimizerSpec,
    ScheduleSpec,
)
from trainer.spec import TrainSpec
from webapp.datasets.models import DatasetVersion
from webapp.runs.estimates import spec_flop_per_unit
from webapp.runs.machines import flop_per_second

TRAIN_SECONDS = 85.0
"""Of a model without a ladder before it."""

TOKENS_PER_PARAMETER = 6.0
"""Few, so that the model is large enough to write something that looks like code; a plan for quality takes 20."""
PRESETS = ("nano", "micro", "mini", "small")

SEQUENCES_PER_STEP = 16
SAMPLE_PROMPT = "def "
"""What the demo's models go on from, at each validation."""


def spec_alone(version: DatasetVersion) -> TrainSpec:
    """Return the largest preset that gets enough tokens in the time, by what the calibration measured here."""
    chosen: TrainSpec | None = None
    for name in PRESETS:
        spec = _sized(name, version)
        if chosen is None or spec.schedule.num_steps * spec.batch.tokens_per_step >= TOKENS_PER_PARAMETER * _size(
            spec, version
        ):
            chosen = spec
    assert chosen is not None
    return chosen


def _size(spec: TrainSpec, version: DatasetVersion) -> float:
    """Return about how many parameters work on each token."""
    return (spec_flop_per_unit(spec, version) or 0.0) / 6.0


def _sized(preset: str, version: DatasetVersion) -> TrainSpec:
    model = get_family("gpt").presets[preset]
    spec = TrainSpec(
        family="gpt",
        model=model,
        data=DataSpec(path=str(version.path)),
        batch=BatchSpec(sequence_length=model.context_length, sequences_per_step=SEQUENCES_PER_STEP),
        optimizer=OptimizerSpec(learning_rate=3e-3),
        machine=MachineSpec(),
    )
    num_steps = _num_steps(spec, version)
    every = max(5, num_steps // 10)
    return replace(
        spec,
        schedule=ScheduleSpec(num_steps=num_steps, warmup_steps=max(1, num_steps // 20)),
        evaluation=EvaluationSpec(every_steps=every, max_batches=4, sample_prompt=SAMPLE_PROMPT, sample_tokens=48),
        checkpoint=CheckpointSpec(every_steps=every, keep_last=2),
    )


def _num_steps(spec: TrainSpec, version: DatasetVersion) -> int:
    """Return how many steps fit into the time; a modest guess where the machine could not be measured."""
    per_token = spec_flop_per_unit(spec, version)
    if not per_token:
        return 100
    speed = flop_per_second(None, flop_per_token=per_token) or 10e9
    return max(20, round(TRAIN_SECONDS * speed / (per_token * spec.batch.tokens_per_step)))
