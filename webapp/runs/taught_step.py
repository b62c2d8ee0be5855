"""A training step with a teacher: its forward pass and its weights besides the student's work."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

from economics.architecture import Architecture
from economics.hardware import Accelerator
from economics.memory import TrainingMemory
from economics.memory.states import Precision
from economics.training.outcome import Outcome
from trainer.errors import SpecError
from trainer.spec import TrainSpec, spec_from_dict
from webapp.runs.architectures import Facts
from webapp.runs.checkpoints import checkpoint_at
from webapp.runs.step_models import FORWARD_SHARE, StepForm, StepModel, form_of, step_model


@dataclass(frozen=True, kw_only=True, slots=True)
class TaughtStep:
    """Both models answer each batch; only the student goes backward and is changed."""

    student: StepModel
    teacher: StepModel

    @property
    def architecture(self) -> Architecture:
        return self.student.architecture

    @property
    def flop_per_unit(self) -> float:
        return self.student.flop_per_unit + FORWARD_SHARE * self.teacher.flop_per_unit

    @property
    def flop_per_position(self) -> float:
        return self.student.flop_per_position

    @property
    def form(self) -> StepForm:
        return self.student.form

    def of_one(self) -> TaughtStep:
        return TaughtStep(student=self.student.of_one(), teacher=self.teacher.of_one())

    def seconds(self, accelerator: Accelerator, precision: Precision) -> float:
        """A third of the teacher's own training step stands for its forward pass."""
        teaching = FORWARD_SHARE * self.teacher.seconds(accelerator, precision)
        return self.student.seconds(accelerator, precision) + teaching

    def memory(self, precision: Precision, *, unified: bool) -> TrainingMemory:
        """The teacher's weights lie beside the student's; what its layers hold while they work is let go at once."""
        own, other = (each.memory(precision, unified=unified) for each in (self.student, self.teacher))
        return replace(own, weights=own.weights + other.weights, workspace=max(own.workspace, other.workspace))

    def elsewhere(
        self, accelerator: Accelerator, *, units: float, usd_per_hour: float, usd_spread: float
    ) -> Outcome | None:
        """As many more of the student's units as the teacher's FLOP come to."""
        more = units * self.flop_per_unit / self.student.flop_per_unit
        return self.student.elsewhere(accelerator, units=more, usd_per_hour=usd_per_hour, usd_spread=usd_spread)


def step_model_of(spec: TrainSpec, facts: Facts) -> StepModel | None:
    """Return the step of a run, with that of its teacher where it has one; None where one of both is not known."""
    student = step_model(spec.family, spec.model, facts, form_of(spec))
    if student is None or not spec.distil.teacher:
        return student
    taught = teacher_spec(spec.distil.teacher)
    teacher = step_model(taught.family, taught.model, facts, form_of(spec)) if taught else None
    return TaughtStep(student=student, teacher=teacher) if teacher else None


def teacher_spec(path: str) -> TrainSpec | None:
    """Return what run the teacher's checkpoint is of; None where it is none of ours, or of an older version."""
    checkpoint = checkpoint_at(path)
    try:
        return cast(TrainSpec, spec_from_dict(checkpoint.run.spec)[1]) if checkpoint else None
    except SpecError:
        return None
