"""Measures a run as it goes: validation, a sample to read, and whether this is the best so far."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict

import torch
from torch import Tensor, nn

from trainer.events import Metrics, Progress, Sample
from trainer.families import get_family
from trainer.metrics.report import Picture
from trainer.training.measuring import autocast, measure_split
from trainer.training.meter import finite
from trainer.training.modes import answering
from trainer.training.setting import Setting
from trainer.training.state import Best, TrainState
from trainer.training.task import Batch

SECONDS_BETWEEN_PROGRESS = 1.0


def validate(setting: Setting, state: TrainState) -> dict[str, float | None]:
    """Measure on the validation split and show a sample; return the metrics by their names in events."""
    found = measure(setting, state, "validation", max_batches=setting.spec.evaluation.max_batches)
    metrics = {f"validation/{key}": finite(value) for key, value in found.items() if not key.startswith("num_")}
    if metrics:
        setting.context.emit(Metrics(steps=[state.step], values={key: [value] for key, value in metrics.items()}))
    show_sample(setting, state.step)
    return metrics


def measure(
    setting: Setting,
    state: TrainState,
    split: str,
    *,
    max_batches: int = 0,
    on_sums: Callable[[Batch, dict[str, Tensor]], object] = lambda batch, sums: None,
) -> dict[str, float]:
    """Return the metrics of a pass over a split; empty where it holds nothing to measure."""
    batch_size, num_batches = setting.measured_at_once(max_batches)
    return measure_split(
        setting.task,
        setting.model,
        setting.version.open_split(split),
        machine=setting.machine,
        batch_size=batch_size,
        max_batches=num_batches,
        should_stop=setting.should_stop,
        on_batch=progress_teller(setting, state.step, split),
        on_sums=on_sums,
        group=setting.group,
    )


def progress_teller(setting: Setting, step: int, phase: str) -> Callable[[int], None]:
    """Return a function that says once in a while that work goes on: a long pass must not look like a dead one."""
    told = time.monotonic()

    def tell(number: int) -> None:
        nonlocal told
        if time.monotonic() - told >= SECONDS_BETWEEN_PROGRESS:
            told = time.monotonic()
            total = setting.spec.schedule.num_steps
            setting.context.emit(Progress(done=step, total=total, phase=f"{phase}, batch {number:,}"))

    return tell


def show_sample(setting: Setting, step: int) -> None:
    wanted = setting.spec.evaluation
    model = setting.answering_model()
    if model is None:
        return
    with autocast(setting.machine):
        if pictures := sample_pictures(setting, model):
            setting.context.emit(Sample(step=step, pictures=[asdict(picture) for picture in pictures]))
        if not wanted.sample_tokens:
            return
        seed = setting.spec.seed + step
        text = setting.task.sample(model, wanted.sample_prompt, num_tokens=wanted.sample_tokens, seed=seed)
    if text is not None:
        setting.context.emit(Sample(step=step, prompt=wanted.sample_prompt, output=text))


def show_training_pictures(setting: Setting, batch: Batch) -> None:
    """Tell what the first batch looks like when it reaches the model. No random number of the training is used up."""
    with torch.random.fork_rng():
        pictures = setting.task.training_pictures(batch)
    if pictures:
        setting.context.emit(Sample(step=0, pictures=[asdict(picture) for picture in pictures]))


def sample_pictures(setting: Setting, model: nn.Module) -> list[Picture]:
    """Return pictures with what the model says of them, as it answers when it does not learn."""
    split = setting.version.open_split("validation")
    if not split.num_documents:
        return []
    with answering(model):
        return setting.task.sample_pictures(model, split)


def judge(setting: Setting, state: TrainState, metrics: dict[str, float | None]) -> bool:
    """Return whether this is the best validation so far, and count how long none was better."""
    family = get_family(setting.spec.family)
    value = metrics.get(family.main_metric)
    if value is None:
        return False
    sign = 1 if family.lower_is_better else -1
    if state.best is None or sign * value < sign * state.best.value:
        state.best = Best(step=state.step, value=value)
        state.num_validations_without_better = 0
        return True
    state.num_validations_without_better += 1
    return False
