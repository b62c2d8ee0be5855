"""The job kind `evaluate`: a checkpoint measured on splits of a prepared version."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from trainer.context import JobContext
from trainer.data.shards import PreparedVersion, open_version
from trainer.errors import InputError
from trainer.events import Evaluation, Finished, Progress, Stopped
from trainer.inference.loading import LoadedModel, load_model
from trainer.inference.spec import EvaluateSpec
from trainer.sections import MachineSpec
from trainer.training.checkpoint import StoredCheckpoint
from trainer.training.machine import apply_machine
from trainer.training.measuring import Interrupted, SplitReport, measure_split, report_split, tell_report
from trainer.training.meter import finite
from trainer.training.units import Units, collector, finished_units, summarised, tell_units


def run(spec: EvaluateSpec, context: JobContext) -> Finished | Stopped:
    """Measure each split and tell the results."""
    loaded = load_model(Path(spec.checkpoint), sha256=spec.sha256, device=spec.device)
    assert loaded.stored is not None
    machine = machine_of(loaded.stored, loaded.device)
    apply_machine(machine)
    context.started(device=machine.device)
    version = open_version(Path(spec.data_path or loaded.task.spec.data.path))
    loaded.task.require_fitting(version)
    step = loaded.stored.manifest.step
    see_training(loaded)
    results: dict[str, Any] = {}
    try:
        for name in spec.splits:
            units = Units(split=name, content_hash=version.manifest.content_hash)
            results[name] = measure(spec, context, loaded, machine, version.open_split(name), units)
            report = report_of(spec, context, loaded, machine, version, name)
            results[name] |= report.report.values() if report else {}
            context.emit(Evaluation(split=name, step=step, metrics=results[name]))
            if report is not None:
                tell_report(context, report, step=step, content_hash=version.manifest.content_hash)
            tell_units_of(spec, context, loaded, machine, version.open_split(name), units, results[name])
    except Interrupted:
        return Stopped(step=step, sentence=f"Stopped after {len(results)} of {len(spec.splits)} splits.")
    return Finished(result={"step": step, **results})


def machine_of(stored: StoredCheckpoint, device: torch.device) -> MachineSpec:
    """Return how the model's run used the machine; on another device in float32, which every device has."""
    trained_on = stored.state().machine
    if trained_on.device.split(":")[0] == device.type:
        return trained_on
    return replace(trained_on, device=str(device), dtype="float32", compile="off")


def measure(
    spec: EvaluateSpec, context: JobContext, loaded: LoadedModel, machine: MachineSpec, split: Any, units: Units
) -> dict[str, float | None]:
    found = measure_split(
        loaded.task,
        loaded.model,
        split,
        machine=machine,
        batch_size=batch_size_of(spec, loaded),
        max_batches=spec.max_batches,
        should_stop=context.should_stop,
        on_batch=lambda number: context.emit(Progress(done=number, unit="batch", phase=split.name)),
        on_sums=collector(loaded.task, units),
    )
    if not found:
        raise InputError(f"the {split.name} split is too small to measure anything on it")
    return {name: finite(value) for name, value in found.items()}


def batch_size_of(spec: EvaluateSpec, loaded: LoadedModel) -> int:
    batch = loaded.task.spec.batch
    return spec.batch_size or batch.micro_batch or batch.sequences_per_step


def tell_units_of(
    spec: EvaluateSpec,
    context: JobContext,
    loaded: LoadedModel,
    machine: MachineSpec,
    split: Any,
    units: Units,
    metrics: dict[str, float | None],
) -> None:
    """Tell the sums of the whole split unit by unit, for paired tests; of a part of it there are none."""
    if spec.max_batches:
        return
    totals = {name: sum(values) for name, values in units.sums.items()}
    known = {name: value for name, value in summarised(loaded.task.summarise, totals).items() if name in metrics}
    found = finished_units(
        units,
        loaded.task,
        loaded.model,
        split,
        machine=machine,
        batch_size=batch_size_of(spec, loaded),
        metrics=known,
        should_stop=context.should_stop,
    )
    if found is not None:
        tell_units(context, found)


def see_training(loaded: LoadedModel) -> None:
    """Let the task see what the model was trained on, where that is still there."""
    try:
        loaded.task.see_training(open_version(Path(loaded.task.spec.data.path)).open_split("train"))
    except InputError:
        return


def report_of(
    spec: EvaluateSpec,
    context: JobContext,
    loaded: LoadedModel,
    machine: MachineSpec,
    version: PreparedVersion,
    split: str,
) -> SplitReport | None:
    """Return the family's own report of a split, if it makes one."""
    return report_split(
        loaded.task,
        loaded.model,
        version.open_split(split),
        machine=machine,
        batch_size=batch_size_of(spec, loaded),
        max_batches=spec.max_batches,
        should_stop=context.should_stop,
    )
