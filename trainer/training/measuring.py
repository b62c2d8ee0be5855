"""Measures a model on a split: sums over batches, added up where the model is, read back once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from trainer.context import JobContext
from trainer.events import Artifact, Message
from trainer.metrics.report import EvaluationReport, report_name, write_report
from trainer.metrics.scores import Scores, scores_name, write_scores
from trainer.parallel.group import Group
from trainer.sections import MachineSpec
from trainer.training.machine import DTYPES
from trainer.training.modes import answering
from trainer.training.task import Batch, Split, Task

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitReport:
    """What a family tells of a whole split, and the answers it was made of."""

    report: EvaluationReport
    scores: Scores | None


class Interrupted(Exception):
    """The pass was broken off because the job was told to end."""


def measure_split(
    task: Task,
    model: nn.Module,
    split: Split,
    *,
    machine: MachineSpec,
    batch_size: int,
    max_batches: int = 0,
    should_stop: Callable[[], object] = lambda: None,
    on_batch: Callable[[int], object] = lambda _: None,
    on_sums: Callable[[Batch, dict[str, Tensor]], object] = lambda batch, sums: None,
    group: Group | None = None,
) -> dict[str, float]:
    """Return the metrics of a pass over the split, shared by a group; empty where it holds nothing to measure."""
    group = group or Group()
    totals: dict[str, Tensor] = {}
    batches = task.evaluation_batches(split, batch_size=batch_size, max_batches=max_batches)
    with answering(model):
        for number, (batch, counts) in enumerate(_until_stopped(group.rounds(batches), should_stop), start=1):
            with autocast(machine):
                sums = group.call(task.measure, model, to_device(batch, machine.device))
            if not counts:
                sums = {name: torch.zeros_like(value) for name, value in sums.items()}
            totals = {name: totals[name] + value if totals else value for name, value in sums.items()}
            on_sums(batch, sums)
            on_batch(number)
    return task.summarise({name: _plain(total) for name, total in group.total(totals).items()}) if totals else {}


def _plain(total: Tensor) -> Any:
    """Return a sum as a number; a family may also keep tables of counts."""
    return float(total) if total.numel() == 1 else total.cpu().numpy()


def report_split(
    task: Task,
    model: nn.Module,
    split: Split,
    *,
    machine: MachineSpec,
    batch_size: int,
    max_batches: int = 0,
    should_stop: Callable[[], object] = lambda: None,
) -> SplitReport | None:
    """Return the family's report of a split with the answers it is of; None where it makes none, or there is nothing."""
    whole = rows_of_split(
        task, model, split, machine=machine, batch_size=batch_size, max_batches=max_batches, should_stop=should_stop
    )
    report = task.report(split, whole) if whole else None
    return SplitReport(report=report, scores=task.scores(whole)) if report is not None else None


def rows_of_split(
    task: Task,
    model: nn.Module,
    split: Split,
    *,
    machine: MachineSpec,
    batch_size: int,
    max_batches: int = 0,
    should_stop: Callable[[], object] = lambda: None,
) -> dict[str, np.ndarray]:
    """Return the family's `details` of every example of a split; empty where it tells none."""
    rows: dict[str, list[np.ndarray]] = {}
    batches = task.evaluation_batches(split, batch_size=batch_size, max_batches=max_batches)
    with answering(model):
        for batch in _until_stopped(batches, should_stop):
            with autocast(machine):
                found = task.details(model, to_device(batch, machine.device))
            if not found:
                return {}
            for name, tensor in found.items():
                rows.setdefault(name, []).append(_on_host(tensor))
    return {name: np.concatenate(parts) for name, parts in rows.items()}


def _until_stopped(rounds: Iterable[T], should_stop: Callable[[], object]) -> Iterator[T]:
    """Yield what a pass goes over; raise `Interrupted` once the job was told to end."""
    for each in rounds:
        if should_stop():
            raise Interrupted
        yield each


def _on_host(tensor: Tensor) -> np.ndarray:
    """Return a tensor as NumPy has it, which knows no bfloat16."""
    return (tensor.float() if tensor.is_floating_point() else tensor).cpu().numpy()


def tell_report(context: JobContext, found: SplitReport, *, step: int, content_hash: str) -> None:
    """Write a report and its answers beside what the job makes, and tell of them and of what it says in words."""
    split = found.report.split
    path = context.attempt.artifacts / f"{report_name(split)}.json"
    write_report(path, replace(found.report, step=step, content_hash=content_hash))
    context.emit(Artifact(name=report_name(split), path=context.path_in_job(path), size_bytes=path.stat().st_size))
    for sentence in (*found.report.praise, *found.report.notes):
        context.emit(Message(text=f"{split}: {sentence}", code="evaluation"))
    if found.scores is None:
        return
    path = context.attempt.artifacts / f"{scores_name(split)}.safetensors"
    if write_scores(path, replace(found.scores, split=split, content_hash=content_hash)):
        context.emit(Artifact(name=scores_name(split), path=context.path_in_job(path), size_bytes=path.stat().st_size))


def autocast(machine: MachineSpec) -> torch.autocast:
    """Return the context in which matrix products run in the machine's number format."""
    kind = machine.device.split(":")[0]
    dtype = DTYPES[machine.dtype]
    return torch.autocast(
        kind, dtype=torch.bfloat16 if dtype == torch.float32 else dtype, enabled=dtype != torch.float32
    )


def to_device(batch: Batch, device: str) -> Batch:
    """Move a batch; from pinned memory without waiting."""
    if device == "cpu":
        return batch
    is_pinned = device.startswith("cuda")  # elsewhere the batch could be gone before its copy has begun
    return {name: tensor.to(device, non_blocking=is_pinned) for name, tensor in batch.items()}


def pin(batches: Iterable[Batch], device: str) -> list[Batch]:
    """Put batches where a CUDA device can fetch them by itself."""
    if not device.startswith("cuda"):
        return list(batches)
    return [{name: tensor.pin_memory() for name, tensor in batch.items()} for batch in batches]
