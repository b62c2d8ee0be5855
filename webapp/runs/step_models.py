"""A training step as economics models it, whatever is trained: its FLOP, its seconds, its memory, the run elsewhere.

A decoder is counted by the token, everything else by the example: a picture, a recommendation, a pair of texts. What a run
counts is `sequence_length` times its examples, which is the examples themselves where an example is one thing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from economics.architecture import Architecture, Decoder
from economics.architecture.encoder_decoder import EncoderDecoder
from economics.architecture.vision import VisionTransformer
from economics.example_work import ExampleWork
from economics.flop import training_flop_per_token
from economics.hardware import Accelerator, calibrated
from economics.layout import Layout
from economics.memory import TrainingMemory, training_memory
from economics.memory.examples import example_training_memory
from economics.memory.states import Precision
from economics.throughput.examples import example_step_time
from economics.throughput.step import step_time
from economics.throughput.workload import Workload
from economics.training.estimate import RunPlan, training_estimate
from economics.training.examples import best_example_choice, example_outcome, unit_of
from economics.training.outcome import Conditions, Outcome
from trainer.sections import BatchSpec, MachineSpec
from trainer.spec import TrainSpec
from webapp.runs.architectures import Facts, architecture_of
from webapp.runs.batch_lengths import batch_lengths

FORWARD_SHARE = 1 / 3
"""Of the FLOP of training on something, what the forward pass alone takes: measuring, or answering as a teacher."""


class StepModel(Protocol):
    """What can be asked of a step, whatever is trained."""

    @property
    def architecture(self) -> Architecture: ...

    @property
    def flop_per_unit(self) -> float:
        """Training FLOP of one of what the run counts."""

    @property
    def flop_per_position(self) -> float:
        """The same of a token, patch or example: how large its products are, by which measured steps are compared."""

    @property
    def form(self) -> StepForm:
        """How the step is done."""

    def of_one(self) -> StepModel:
        """Return the step of one device's share of the examples, as if that were all."""

    def seconds(self, accelerator: Accelerator, precision: Precision) -> float:
        """Return the seconds of one step, the exchange among its devices included."""

    def memory(self, precision: Precision, *, unified: bool) -> TrainingMemory:
        """Return what a step takes on the device; `unified` where that is the host's memory."""

    def elsewhere(
        self, accelerator: Accelerator, *, units: float, usd_per_hour: float, usd_spread: float
    ) -> Outcome | None:
        """Return what so many units take on one rented accelerator; None where they do not fit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StepForm:
    """How a step is done, as far as its time and memory depend on it."""

    batch: BatchSpec
    optimizer: str = "adamw"
    recompute: bool = False
    fused: bool = False
    dropout: bool = False
    num_devices: int = 1
    """That share the examples of a step; on a processor, processes."""

    divided: bool = False
    """Each device holds a part of the model, not all of it."""

    @property
    def share(self) -> int:
        return max(1, self.batch.sequences_per_step // self.num_devices)

    @property
    def micro_batch(self) -> int:
        return min(self.batch.micro_batch or self.share, self.share)

    @property
    def layout(self) -> Layout:
        return Layout(data=self.num_devices, zero=3 if self.divided else 0)

    def of_one(self) -> StepForm:
        return replace(self, batch=replace(self.batch, sequences_per_step=self.share), num_devices=1, divided=False)


def form_of(spec: TrainSpec) -> StepForm:
    """Return how a run does its steps."""
    return StepForm(
        batch=spec.batch, optimizer=spec.optimizer.name, recompute=spec.machine.activation_checkpointing,
        fused=spec.machine.compile == "on", dropout=spec.regularisation.dropout > 0,
        num_devices=num_processes(spec), divided=num_processes(spec) > 1 and spec.parallel.strategy == "fsdp",
    )  # fmt: skip


def spread_over(spec: TrainSpec, num_processes: int) -> TrainSpec:
    """Return the run with so many processes sharing its steps."""
    return replace(spec, parallel=replace(spec.parallel, processes=num_processes))


def num_processes(spec: TrainSpec) -> int:
    """Return how many processes share the steps of a run; one where that is still to be chosen."""
    return 1 if spec.parallel.processes == "auto" else spec.parallel.processes


def precision_of(machine: MachineSpec | str) -> Precision:
    """Return the precision that economics knows for a number format."""
    dtype = machine if isinstance(machine, str) else machine.dtype
    return "bf16" if dtype in ("bfloat16", "float16") else "fp32"


def step_model(family: str, model: Any, facts: Facts, form: StepForm) -> StepModel | None:
    """Return the step of a model of a family on such data; None where economics does not know the family."""
    architecture = architecture_of(family, model, facts)
    if architecture is None:
        return None
    lengths = batch_lengths(
        family, model, facts, window=form.batch.sequence_length, num_examples=form.micro_batch
    )  # fmt: skip
    if isinstance(architecture, Decoder):
        return DecoderStep(architecture=architecture, form=form, length=lengths[0])
    return ExampleStep(architecture=architecture, form=form, lengths=(lengths[0], lengths[-1]))


@dataclass(frozen=True, kw_only=True, slots=True)
class DecoderStep:
    """Windows of tokens through a decoder, or through an encoder of its form."""

    architecture: Decoder
    form: StepForm
    length: int
    """Tokens of an example as batches hold it: the window, or less where an example is a document."""

    @property
    def flop_per_unit(self) -> float:
        return self.flop_per_position * self._read_fraction

    @property
    def flop_per_position(self) -> float:
        return training_flop_per_token(self.architecture, self.length).total

    @property
    def _read_fraction(self) -> float:
        """Of the window, which is what a run counts."""
        return self.length / self.form.batch.sequence_length

    def of_one(self) -> DecoderStep:
        return replace(self, form=self.form.of_one())

    def seconds(self, accelerator: Accelerator, precision: Precision) -> float:
        work = replace(
            self._workload(accelerator), precision=precision, micro_batch=self.form.micro_batch, layout=self.form.layout,
            recompute="full" if self.form.recompute else "none",
        )  # fmt: skip
        return step_time(work).seconds

    def memory(self, precision: Precision, *, unified: bool) -> TrainingMemory:
        return training_memory(
            self.architecture,
            sequence_length=self.form.batch.sequence_length,
            micro_batch=self.form.micro_batch,
            layout=self.form.layout,
            precision=precision,
            optimizer=self.form.optimizer,  # type: ignore[arg-type]  # of the same names
            recompute="full" if self.form.recompute else "none",
            dropout=self.form.dropout,
            unified_memory=unified,
        )

    def elsewhere(
        self, accelerator: Accelerator, *, units: float, usd_per_hour: float, usd_spread: float
    ) -> Outcome | None:
        plan = RunPlan(
            workload=self._workload(accelerator), tokens=units * self._read_fraction, num_accelerators=1,
            micro_batch=self.form.batch.micro_batch or None, usd_per_accelerator_hour=usd_per_hour, usd_spread=usd_spread,
        )  # fmt: skip
        found = training_estimate(plan)
        return found.outcome if found.choice.fits else None

    def _workload(self, accelerator: Accelerator) -> Workload:
        return Workload(
            decoder=self.architecture, accelerator=accelerator, sequence_length=self.length,
            num_sequences=self.form.batch.sequences_per_step, fused=self.form.fused, dropout=self.form.dropout,
            optimizer=self.form.optimizer,  # type: ignore[arg-type]
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class ExampleStep:
    """Pictures, recommendations or pairs of texts through any other architecture."""

    architecture: Architecture
    form: StepForm
    lengths: tuple[int, int]
    """Tokens of source and target, in an encoder-decoder, as batches hold them."""

    @property
    def flop_per_unit(self) -> float:
        return self._work(_any_device("cpu")).flop_per_example / self.form.batch.sequence_length

    @property
    def flop_per_position(self) -> float:
        per_example = self.flop_per_unit * self.form.batch.sequence_length
        if isinstance(self.architecture, VisionTransformer):
            return per_example / self.architecture.num_tokens
        return per_example / sum(self.lengths) if isinstance(self.architecture, EncoderDecoder) else per_example

    def of_one(self) -> ExampleStep:
        return replace(self, form=self.form.of_one())

    def seconds(self, accelerator: Accelerator, precision: Precision) -> float:
        work = replace(self._work(accelerator), precision=precision, layout=self.form.layout)
        return example_step_time(work).seconds

    def memory(self, precision: Precision, *, unified: bool) -> TrainingMemory:
        work = self._work(_any_device("cpu" if unified else "accelerator"))
        window = self.form.batch.sequence_length  # a batch may have a document that fills it
        work = replace(
            work, precision=precision, layout=self.form.layout, source_length=window, target_length=window
        )  # fmt: skip
        return example_training_memory(work, optimizer=self.form.optimizer)  # type: ignore[arg-type]

    def elsewhere(
        self, accelerator: Accelerator, *, units: float, usd_per_hour: float, usd_spread: float
    ) -> Outcome | None:
        choice = best_example_choice(
            self._work(accelerator), 1, micro_batch=self.form.batch.micro_batch or None,
            optimizer=self.form.optimizer,  # type: ignore[arg-type]
        )  # fmt: skip
        if not choice.fits:
            return None
        conditions = Conditions(
            accelerator=accelerator, num_accelerators=1, num_params=self.architecture.parameters().total,
            usd_per_accelerator_hour=usd_per_hour, usd_spread=usd_spread,
        )  # fmt: skip
        _unit, size = unit_of(choice.work)
        return example_outcome(choice, conditions, units=units / self.form.batch.sequence_length * size)

    def _work(self, accelerator: Accelerator) -> ExampleWork:
        return ExampleWork(
            architecture=self.architecture, accelerator=accelerator, num_examples=self.form.batch.sequences_per_step,
            micro_batch=self.form.micro_batch, full_recompute=self.form.recompute, fused=self.form.fused,
            source_length=self.lengths[0], target_length=self.lengths[1],
        )  # fmt: skip


def _any_device(kind: Literal["cpu", "accelerator"]) -> Accelerator:
    """Return a device of a kind, for FLOP and memory, which do not depend on its speed."""
    return calibrated(name=kind, flop_per_second=1.0, memory_bytes=1.0, memory_bytes_per_second=1.0, kind=kind)
