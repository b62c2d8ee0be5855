"""A trained model at work without learning: what its forward pass takes elsewhere, and what it takes of the memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from economics.hardware import Accelerator
from economics.training.outcome import Outcome
from trainer.errors import SpecError
from trainer.spec import TrainSpec, spec_from_dict
from webapp.jobs.models import Queue
from webapp.quotes.devices import Device
from webapp.runs.models import Run
from webapp.runs.process_bytes import process_bytes
from webapp.runs.step_models import FORWARD_SHARE, StepModel, form_of, step_model

WEIGHT_BYTES = 4.0
"""Of a parameter that is loaded to be used."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ForwardPass:
    """The model of a training step that only answers: a third of the step's FLOP.

    It is said to fit where the step does; a model may fit where its training does not, which is not looked into.
    """

    step: StepModel

    def elsewhere(
        self, accelerator: Accelerator, *, units: float, usd_per_hour: float, usd_spread: float
    ) -> Outcome | None:
        alike = FORWARD_SHARE * units
        return self.step.elsewhere(accelerator, units=alike, usd_per_hour=usd_per_hour, usd_spread=usd_spread)


def forward_of(run: Run) -> ForwardPass | None:
    """Return the forward pass of a run's model; None where economics does not know it, or the spec is of an older version."""
    try:
        spec = cast(TrainSpec, spec_from_dict(run.spec)[1])
    except SpecError:
        return None
    step = step_model(spec.family, spec.model, run.dataset_version.model_facts, form_of(spec))
    return ForwardPass(step=step) if step else None


def model_memory(run: Run, device: Device | None, *, queue: str, copies: float = 1.0) -> dict[str, float]:
    """Return the memory of a process that holds a run's model so many times, by part; empty where its size is unknown."""
    num_parameters = run.facts.get("num_parameters") or 0
    if not num_parameters:
        return {}
    parts = {"weights": copies * WEIGHT_BYTES * num_parameters}
    return parts if queue == Queue.GPU else {**parts, "process": process_bytes(device.machine_id if device else None)}
