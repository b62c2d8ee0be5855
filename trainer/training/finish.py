"""The end of a run: the whole validation split with the last weights, the test split once with the best (if wanted)."""

from __future__ import annotations

import resource
import sys
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from trainer.errors import CheckpointError
from trainer.events import Evaluation, Finished, Message, Progress
from trainer.training.checkpoint import verify_checkpoint
from trainer.training.measuring import report_split, tell_report
from trainer.training.meter import finite
from trainer.training.setting import Setting
from trainer.training.state import TrainState
from trainer.training.units import Units, collector, finished_units, tell_units
from trainer.training.validation import measure


def finish(setting: Setting, state: TrainState) -> Finished:
    """Measure the run for good and say how it ended."""
    result: dict[str, Any] = {
        "step": state.step,
        "num_tokens_seen": state.num_tokens_seen,
        "seconds": state.seconds,
        "peak_memory_bytes": peak_memory_bytes(setting.machine.device),
        "best_step": state.best.step if state.best else None,
        "best_value": state.best.value if state.best else None,
    }
    result["validation"] = evaluate(setting, state, "validation", step=state.step)
    if setting.spec.evaluation.test:
        load_best(setting, state)
        result["test"] = evaluate(setting, state, "test", step=state.best.step if state.best else state.step)
    num_steps = setting.spec.schedule.num_steps
    if state.step < num_steps:
        sentence = (
            f"{state.num_validations_without_better} validations brought nothing better than step "
            f"{result['best_step']}; the run ended at step {state.step} of {num_steps}."
        )
        return Finished(result=result, code="early_stopping", sentence=sentence)
    if num_steps == 0:
        return Finished(
            result=result, sentence="The run has no steps (schedule.num_steps is 0): its weights are random."
        )
    return Finished(result=result)


def peak_memory_bytes(device: str) -> int:
    """Return the most memory that was in use: on a CUDA device there, elsewhere by this process."""
    if device.startswith("cuda"):
        return int(torch.cuda.max_memory_allocated())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # Linux counts in KiB


def evaluate(
    setting: Setting, state: TrainState, split: Literal["validation", "test"], *, step: int
) -> dict[str, float | None]:
    """Measure the whole split with the weights of `step` and tell the result; say so where it is too small."""
    setting.context.emit(Progress(done=state.step, total=setting.spec.schedule.num_steps, phase=split))
    units = Units(split=split, content_hash=setting.version.manifest.content_hash)
    found = measure(setting, state, split, on_sums=collector(setting.task, units))
    metrics = {name: finite(value) for name, value in found.items()}
    if metrics:
        model = setting.answering_model()  # asked for by all processes, and there in the first alone
        details = tell_details(setting, model, split, step=step)
        setting.context.emit(Evaluation(split=split, step=step, metrics=metrics | details))
        if split == "test" and not details:
            tell_sums(setting, model, units, metrics)
        metrics |= details
    else:
        text = f"The {split} split is too small to measure anything on it; prepare the data with a larger share for it."
        setting.context.emit(Message(text=text, level="warning", code="split_too_small"))
    return metrics


def tell_details(setting: Setting, model: nn.Module | None, split: str, *, step: int) -> dict[str, float | None]:
    """Tell the family's own report of a split, if it makes one; return its measures."""
    if model is None:
        return {}
    alone = setting.group.size == 1  # with others, the next pass of all asks whether to stop
    found = report_split(
        setting.task,
        model,
        setting.version.open_split(split),
        machine=setting.machine,
        batch_size=setting.measured_at_once()[0],
        should_stop=setting.context.should_stop if alone else lambda: None,
    )
    if found is None:
        return {}
    tell_report(setting.context, found, step=step, content_hash=setting.version.manifest.content_hash)
    return found.report.values()


def tell_sums(setting: Setting, model: nn.Module | None, units: Units, metrics: dict[str, float | None]) -> None:
    """Tell the sums of the test split by stretch, so that two runs without answers to pair have an interval all the same."""
    if model is None:
        return
    found = finished_units(
        units,
        setting.task,
        model,
        setting.version.open_split(units.split),
        machine=setting.machine,
        batch_size=setting.measured_at_once()[0],
        metrics={name: value for name, value in metrics.items() if value is not None},
        should_stop=setting.context.should_stop if setting.group.size == 1 else lambda: None,
        num_shares=setting.group.size,
    )
    if found is not None:
        tell_units(setting.context, found)


def load_best(setting: Setting, state: TrainState) -> None:
    """Put the best weights into the model; where their checkpoint is gone, stay with the last and say so."""
    if state.best is None or state.best.step == state.step:
        return
    try:
        setting.group.load_weights(setting.model, verify_checkpoint(Path(state.best.path)).weights())
    except CheckpointError as error:
        text = f"The best checkpoint (step {state.best.step}) cannot be read, so the last one is tested: {error}."
        setting.context.emit(Message(text=text, level="warning", code="best_checkpoint_missing"))
        state.best = None
