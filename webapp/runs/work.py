"""What a training is going to do, counted for its quote: steps, validations, start, checkpoints, memory.

Amounts are in what the family counts (`Family.unit`): tokens, images, interactions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import floor, lcm, log10
from typing import Any

from economics.errors import EconomicsError
from trainer.errors import SpecError
from trainer.families import get_family
from trainer.spec import TrainSpec, spec_from_dict
from webapp.datasets.models import DatasetVersion
from webapp.jobs.kinds import WorkFacts
from webapp.jobs.models import Job, Queue
from webapp.quotes.devices import Device, device_of_queue, queue_of_device
from webapp.runs.architectures import num_parameters_of
from webapp.runs.batch_lengths import are_documents
from webapp.runs.models import Run
from webapp.runs.process_bytes import process_bytes
from webapp.runs.start_seconds import USUAL_COLD_SECONDS, start_seconds
from webapp.runs.step_models import FORWARD_SHARE, StepModel, num_processes, precision_of, spread_over
from webapp.runs.step_speed import StepSpeed, dtype_of, measuring_seconds, step_speed
from webapp.runs.taught_step import TaughtStep, step_model_of
from webapp.ui.templatetags.figures import count

MEMORY_PARTS = (
    "weights", "gradients", "optimizer", "activations", "logits", "gathered", "workspace", "fragmentation", "context",
    "communication",
)  # fmt: skip
SAMPLE_SECONDS = 0.25
"""The sample that is written at each validation."""

CHECKPOINT_BYTES_PER_PARAMETER = 12.0
"""Weights and AdamW's two moments in 4 bytes each."""

NUM_TRIAL_STEPS = 2
"""Timed before the first, where whether to compile is left to the machine."""

DISK_BYTES_PER_SECOND = 1.5e8
"""Where the disk was never measured."""

CHECKPOINT_SECONDS = 0.04
"""Of each checkpoint, however small: some files are made, brought to the disk and read again."""

HASHED_BYTES_PER_SECOND = 8e8
"""What is written is hashed and verified."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Passes:
    """How often a run trains, measures and saves."""

    train_units: float
    measured_examples: float
    reported_examples: float
    """Of the whole splits at the end: families that tell more of each than sums go over them once more."""

    num_validations: int
    num_checkpoints: int
    units_per_example: float

    @property
    def measured_units(self) -> float:
        return self.measured_examples * self.units_per_example


@dataclass(frozen=True, kw_only=True, slots=True)
class FixedSeconds:
    """The parts of a run's time that do not go with its steps."""

    start: float
    trial: float
    saving: float
    samples: float

    @property
    def total(self) -> float:
        return self.start + self.trial + self.saving + self.samples


def train_work(
    spec: TrainSpec, version: DatasetVersion | None, device: Device | None, *, first_step: int = 0
) -> WorkFacts:
    """Return what a run is going to do on a device, from a step on."""
    facts = version.model_facts if version else {}
    step, unit = step_model_of(spec, facts), get_family(spec.family).unit
    passes = count_passes(spec, version, first_step=first_step)
    start = start_seconds(device.machine_id if device else None)
    if num_processes(spec) > 1:
        start += USUAL_COLD_SECONDS  # each loads PyTorch, whoever starts them
    if step is None:
        amount = passes.train_units + FORWARD_SHARE * passes.measured_units
        return WorkFacts(amount=amount, unit=unit, group=f"train {spec.family}", fixed_seconds=start)
    num_parameters = num_parameters_of(spec.family, spec.model, facts) or 0
    calibration = device.calibration if device else {}
    spec = replace(spec, machine=replace(spec.machine, dtype=dtype_of(spec, num_parameters, calibration)))
    speed = step_speed(spec, step, calibration)
    rate = spec.batch.tokens_per_step / speed.seconds if speed else None
    measuring = _measuring_units(spec, step, facts, calibration, passes, rate)
    fixed = FixedSeconds(
        start=start,
        trial=NUM_TRIAL_STEPS * speed.seconds if speed and spec.machine.compile == "auto" else 0.0,
        saving=passes.num_checkpoints * _checkpoint_seconds(num_parameters, calibration),
        samples=passes.num_validations * SAMPLE_SECONDS if spec.evaluation.sample_tokens else 0.0,
    )
    return WorkFacts(
        amount=passes.train_units + measuring,
        unit=unit,
        group=f"train {spec.family} ~{_order(num_parameters)}",
        flop_per_unit=step.flop_per_unit,
        units_per_second=rate,
        num_devices=1 if queue_of_device(spec.machine.device) == Queue.CPU else step.form.num_devices,
        rate_spread=speed.rate_spread if speed else 0.0,
        rate_source=f"{speed.num_shapes} training steps measured here" if speed else "",
        fixed_seconds=fixed.total,
        memory_by_part=_memory(spec, step, device),
        portable=step,
        assumptions=(*_assumptions(passes, speed, fixed, unit=unit, rate=rate, measuring=measuring), *_teaching(step)),
    )


def _measuring_units(
    spec: TrainSpec,
    step: StepModel,
    facts: Mapping[str, Any],
    calibration: dict[str, Any],
    passes: Passes,
    rate: float | None,
) -> float:
    """Return as much training as takes as long as all measuring: as it was timed, or else by its FLOP."""
    alone = step.student if isinstance(step, TaughtStep) else step  # the teacher has no part in measuring
    each, told = (
        measuring_seconds(spec, alone, facts, calibration, what=what) for what in ("measuring", "reporting")
    )  # fmt: skip
    if each is None or rate is None:
        return FORWARD_SHARE * passes.measured_units
    return (passes.measured_examples * each + passes.reported_examples * (told or 0.0)) * rate


def _checkpoint_seconds(num_parameters: int, calibration: dict[str, Any]) -> float:
    disk = calibration.get("disk_write_bytes_per_second") or DISK_BYTES_PER_SECOND
    num_bytes = CHECKPOINT_BYTES_PER_PARAMETER * num_parameters
    return CHECKPOINT_SECONDS + num_bytes / disk + num_bytes / HASHED_BYTES_PER_SECOND


def _assumptions(
    passes: Passes, speed: StepSpeed | None, fixed: FixedSeconds, *, unit: str, rate: float | None, measuring: float
) -> Iterator[dict[str, Any]]:
    """Yield what the quote rests on, with unit and source."""
    yield _row("start", fixed.start, "s", "from the claim until the model stands")
    if fixed.trial:
        yield _row("trial", fixed.trial, "s", f"{NUM_TRIAL_STEPS} steps that tell whether compiling pays")
    yield _row("checkpoints", fixed.saving, "s", f"{passes.num_checkpoints} written, brought to the disk and hashed")
    if fixed.samples:
        yield _row("samples", fixed.samples, "s", f"{passes.num_validations} written to be read")
    measured = (
        f"{passes.num_validations} validations and the whole splits at the end: {passes.measured_examples:.3g} examples"
    )
    if rate:
        yield _row("measuring", measuring / rate, "s", measured)
        yield _row("training", passes.train_units / rate, "s", f"{passes.train_units:.3g} {unit}s")
    else:
        yield _row("measuring", measuring, unit, f"{measured}, as much work as training on so much")
    if speed is not None:
        yield _row("threads", speed.num_threads, "", "of the processor")
        measured = f"{speed.num_shapes} training steps that the calibration timed, at this size"
        yield _row("measured_over_modelled_step", speed.measured_over_modelled, "", measured)


def _teaching(step: StepModel) -> Iterator[dict[str, Any]]:
    """Yield what a teacher adds to each unit."""
    if isinstance(step, TaughtStep):
        flop = FORWARD_SHARE * step.teacher.flop_per_unit
        yield _row(
            "teacher",
            flop,
            "FLOP",
            f"its forward pass, for each of what is trained on: {flop / step.flop_per_unit:.0%}",
        )


def work_of_job(job: Job) -> WorkFacts | None:
    """Return what a train job is going to do; the rest of its run if it resumes one. None for a spec nobody can read."""
    try:
        spec = spec_from_dict(job.spec)[1]
    except SpecError:
        return None
    versions = DatasetVersion.objects.filter(dataset__project=job.project, ready_at__isnull=False)
    version = versions.filter(content_hash=spec.data.content_hash).first() if spec.data.content_hash else None
    if job.num_devices > 1:
        spec = spread_over(spec, job.num_devices)
    return train_work(spec, version, device_of_queue(job.queue), first_step=_first_step(job, spec))


def count_passes(spec: TrainSpec, version: DatasetVersion | None, *, first_step: int = 0) -> Passes:
    """Return how often the run trains, validates and saves from a step on; the last passes over both splits are whole."""
    last, every, save = spec.schedule.num_steps, spec.evaluation.every_steps, spec.checkpoint.every_steps
    steps = max(0, last - first_step)
    validations = _multiples(every, first_step, last) + (last % every != 0) + (first_step == 0)
    saves_apart = _multiples(save, first_step, last) - _multiples(lcm(save, every), first_step, last)
    validation = _examples(spec, version, "validation")
    test = _examples(spec, version, "test") if spec.evaluation.test else 0.0
    batch = spec.batch.micro_batch or spec.batch.sequences_per_step
    part = min(validation, spec.evaluation.max_batches * batch) if spec.evaluation.max_batches else validation
    most_reported = getattr(spec.model, "num_scored", 0) or validation + test
    return Passes(
        train_units=float(steps * spec.batch.tokens_per_step),
        measured_examples=float(validations * part + validation + test),
        reported_examples=float(min(validation, most_reported) + min(test, most_reported)),
        num_validations=validations,
        num_checkpoints=validations + saves_apart,
        units_per_example=float(spec.batch.sequence_length),
    )


def _examples(spec: TrainSpec, version: DatasetVersion | None, split: str) -> float:
    """Return how many examples a whole split is measured as: windows of tokens, documents, pictures, or users to
    recommend to."""
    if version is None:
        return 0.0
    if are_documents(spec.family, spec.model, version.model_facts):
        return float(version.num_documents_of(split))
    units = version.num_units(split) / spec.batch.sequence_length
    num_users = version.facts.get("num_users")
    return min(units, float(num_users)) if num_users else units


def _multiples(step: int, after: int, last: int) -> int:
    """Return how many multiples of `step` are above `after` and at most `last`."""
    return max(0, last // step - after // step)


def _memory(spec: TrainSpec, step: StepModel, device: Device | None) -> dict[str, float]:
    """Return the memory by part; where it is the host's, with what the process itself takes."""
    on_processor = queue_of_device(spec.machine.device) == Queue.CPU
    parts = memory_parts(spec, step, on_processor=on_processor)
    if not parts or not on_processor:
        return parts
    parts = {**parts, "process": process_bytes(device.machine_id if device else None)}
    parts.pop("communication", None)  # buffers of NCCL, which a processor does not use
    return {name: size * step.form.num_devices for name, size in parts.items()}  # processes share the host's memory


def memory_parts(spec: TrainSpec, step: StepModel, *, on_processor: bool) -> dict[str, float]:
    """Return the memory of a training step by part, parts of nothing left out; empty where economics has no answer."""
    try:
        memory = step.memory(precision_of(spec.machine), unified=on_processor)
    except EconomicsError:
        return {}
    return {name: size for name in MEMORY_PARTS if (size := getattr(memory, name)) > 0}


def _first_step(job: Job, spec: TrainSpec) -> int:
    """Return the step that the job begins at: of the run that it resumes, or of the checkpoint that it branches from."""
    from webapp.runs.services import resume_step

    resumed = re.fullmatch(r"resume-([^-]+)-\d+", job.idempotency_key or "")
    run = Run.objects.filter(code=resumed[1], project=job.project).first() if resumed else None
    if run is not None:
        return resume_step(run)
    branch = re.search(r"/(\d+)/?$", spec.branch_from)
    return int(branch[1]) if branch else 0


def _order(num_parameters: int) -> str:
    """1.9 M and 4 M parameters -> 3 M: half a decade."""
    return count(float(f"{10 ** (floor(2 * log10(max(num_parameters, 1)) + 0.5) / 2):.0e}"), 1)


def _row(name: str, value: float, unit: str, source: str) -> dict[str, Any]:
    return {"name": name, "value": value, "unit": unit, "source": source}
