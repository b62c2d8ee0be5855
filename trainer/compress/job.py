"""The job kind `compress`: a checkpoint and its smaller form, with what that saves and what it costs in quality.

The smaller form is made here, in fewer bits, or was trained before: pruned, or taught.

Both forms are measured in this process, one after the other, on the same examples: the report holds bytes, seconds and
metrics of each, and the difference of every metric with its 95 % interval over stretches of the split, paired.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from trainer.compress.difference import differences
from trainer.compress.measure import counts_of, resident_bytes, speeds_of
from trainer.compress.quantise import FACT, quantise, refuse_compressed
from trainer.compress.spec import METHODS, TRAINED, CompressSpec
from trainer.context import JobContext
from trainer.data.shards import open_version
from trainer.errors import InputError
from trainer.events import Checkpoint, Finished, Progress, Report, Stopped
from trainer.families import get_family
from trainer.inference.evaluate import machine_of
from trainer.inference.loading import LoadedModel, load_model
from trainer.metrics.change import Change
from trainer.sections import BatchSpec, MachineSpec
from trainer.training.checkpoint import WEIGHTS, StoredCheckpoint, save_tensors, tensor_bytes, write_checkpoint
from trainer.training.machine import apply_machine
from trainer.training.measuring import Interrupted, measure_split, rows_of_split
from trainer.training.meter import finite
from trainer.training.units import Units, collector, finished_units, ratios_of


def run(spec: CompressSpec, context: JobContext) -> Finished | Stopped:
    """Measure the checkpoint and its smaller form, which is made first where it is none that was trained."""
    loaded = load_model(Path(spec.checkpoint), sha256=spec.sha256, device="cpu")
    stored = loaded.stored
    assert stored is not None
    if spec.method != TRAINED:
        refuse_compressed(stored.manifest.facts, "compress it again")
    machine = replace(machine_of(stored, loaded.device), dtype="float32", compile="off")
    apply_machine(machine)
    context.started(device=machine.device)
    try:
        small, made = smaller_form(spec, context, stored)
        batch = loaded.task.spec.batch
        before, whole = measured(spec, context, loaded, machine, "measuring the original", batch=batch)
        after, packed = measured(spec, context, small, machine, "measuring the smaller form", batch=batch)
        changes = differences(whole, packed)
        main_metric = get_family(loaded.task.spec.family).main_metric
        if not any(f"validation/{change['metric']}" == main_metric for change in changes):
            changes = changes_by_example(spec, context, loaded, small, machine) + changes
        changes = changes or changes_without_interval(before["metrics"], after["metrics"])
    except Interrupted:
        return Stopped(sentence="Stopped before both forms were measured.")
    before["file_bytes"], after["file_bytes"] = weight_bytes(stored), weight_bytes(made)
    for facts, speed in zip((before, after), speeds_of(loaded, small), strict=True):
        facts |= msgspec.to_builtins(speed)
    if spec.method != TRAINED:
        context.emit(
            Checkpoint(
                step=made.manifest.step,
                path=context.path_in_job(made.path),
                sha256=made.sha256,
                size_bytes=made.manifest.size_bytes,
                metrics=after["metrics"],
            )
        )
    report = {"method": spec.method, "split": spec.split, "before": before, "after": after, "differences": changes}
    context.emit(Report(report=report))
    title = METHODS[spec.method].title if spec.method in METHODS else "Smaller form"
    return Finished(
        result={"method": spec.method},
        sentence=f"{title}: {after['file_bytes'] / before['file_bytes']:.0%} of the bytes.",
    )


def smaller_form(
    spec: CompressSpec, context: JobContext, stored: StoredCheckpoint
) -> tuple[LoadedModel, StoredCheckpoint]:
    """Return the smaller form: the one that was trained, or the model itself in fewer bits, written as a checkpoint."""
    if spec.method != TRAINED:
        again = load_model(Path(spec.checkpoint), sha256=spec.sha256, device="cpu")
        quantise(again.model, spec.method)
        return again, write(spec, context, stored, again)
    small = load_model(Path(spec.smaller), sha256=spec.smaller_sha256, device="cpu")
    assert small.stored is not None
    return small, small.stored


def measured(
    spec: CompressSpec,
    context: JobContext,
    loaded: LoadedModel,
    machine: MachineSpec,
    phase: str,
    *,
    batch: BatchSpec,
) -> tuple[dict[str, Any], Units]:
    """Return bytes and metrics of the model as it stands, and the metrics' sums by stretch of the split.

    `batch` is the same for both forms: two models are paired where both have seen the same stretches.
    """
    context.emit(Progress(done=0, total=1, unit="form", phase=phase))
    version = open_version(Path(spec.data_path or loaded.task.spec.data.path))
    split = version.open_split(spec.split)
    units = Units(split=spec.split, content_hash=version.manifest.content_hash)
    loaded.task.require_fitting(version)
    size = batch.micro_batch or batch.sequences_per_step
    found = measure_split(
        loaded.task,
        loaded.model,
        split,
        machine=machine,
        batch_size=size,
        max_batches=spec.max_batches,
        should_stop=context.should_stop,
        on_sums=collector(loaded.task, units),
    )
    if not found:
        raise InputError(f"the {spec.split} split is too small to measure anything on it")
    if spec.max_batches:
        units.ratios = ratios_of(loaded.task.summarise, units.sums)
    else:
        finer = finished_units(
            units, loaded.task, loaded.model, split, machine=machine, batch_size=size, metrics={},
            should_stop=context.should_stop,
        )  # fmt: skip
        units = finer or units
    facts = {
        "resident_bytes": resident_bytes(loaded),
        **counts_of(loaded),
        "metrics": {name: finite(value) for name, value in found.items()},
    }
    return facts, units


def changes_without_interval(
    before: Mapping[str, float | None], after: Mapping[str, float | None]
) -> list[dict[str, Any]]:
    """Return both figures alone, where the two read texts in windows of other lengths and nothing can be paired."""
    return [
        Change(metric=name, before=first, after=second).row()
        for name, first in before.items()
        if first is not None and (second := after.get(name)) is not None and not name.startswith("num_")
    ]


def changes_by_example(
    spec: CompressSpec, context: JobContext, loaded: LoadedModel, small: LoadedModel, machine: MachineSpec
) -> list[dict[str, Any]]:
    """Return how measures that are no ratio of sums differ, where the family tells them of two models' answers."""
    split = open_version(Path(spec.data_path or loaded.task.spec.data.path)).open_split(spec.split)
    batch = loaded.task.spec.batch
    rows = [
        rows_of_split(
            each.task,
            each.model,
            split,
            machine=machine,
            batch_size=batch.micro_batch or batch.sequences_per_step,
            max_batches=spec.max_batches,
            should_stop=context.should_stop,
        )
        for each in (loaded, small)
    ]
    if not all(rows):
        return []
    return [change.row() for change in loaded.task.changes(split, *rows)]


def write(spec: CompressSpec, context: JobContext, stored: StoredCheckpoint, loaded: LoadedModel) -> StoredCheckpoint:
    """Write the checkpoint: the original's, but for its weights, and without what an optimiser would go on from."""
    weights = loaded.model.state_dict()
    return write_checkpoint(
        context.attempt.checkpoints,
        spec=stored.spec(),
        state=stored.state(),
        num_bytes=tensor_bytes(weights),
        write_tensors=partial(save_tensors, weights=weights, optimizer={}),
        assets=stored.assets(),
        facts={**stored.manifest.facts, FACT: {"method": spec.method, "made_of": stored.sha256}},
        metrics={},
    )


def weight_bytes(stored: StoredCheckpoint) -> int:
    return stored.manifest.files[WEIGHTS].size_bytes
