"""Turns steps into events, in blocks, without making the device wait: losses stay where they are until a block is due."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil
import torch
from torch import Tensor

from trainer.events import AnyEvent, Metrics, Progress

FLUSH_SECONDS = 0.25
NUM_FIRST_STEPS = 5
"""Steps told one by one at the start, so that the page comes alive."""


@dataclass(frozen=True, slots=True)
class MeteredStep:
    step: int
    loss: Tensor
    gradient_norm: Tensor
    learning_rate: float
    seconds: float
    num_tokens: int


class Meter:
    """Collects steps and emits `metrics` and `progress`. `on_loss` reads every loss, in order, when a block is told."""

    def __init__(
        self,
        emit: Callable[[AnyEvent], object],
        *,
        first_step: int,
        num_steps: int,
        device: str,
        on_loss: Callable[[int, float], None],
    ) -> None:
        self._emit, self._on_loss, self._device = emit, on_loss, device
        self._first_step, self._num_steps = first_step, num_steps
        self._steps: list[MeteredStep] = []
        self._process = psutil.Process()
        self._began = self._mark = time.monotonic()
        psutil.cpu_percent()  # the first call only starts the measurement

    def add(self, step: MeteredStep) -> None:
        """Take a step; tell the block when one is due."""
        self._steps.append(step)
        is_first = step.step - self._first_step <= NUM_FIRST_STEPS
        if is_first or time.monotonic() - self._mark >= FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Tell what was collected. Here the loop waits for the device, and nowhere else."""
        if not self._steps:
            return
        steps, self._steps = self._steps, []
        losses, norms = _read_back([s.loss for s in steps]), _read_back([s.gradient_norm for s in steps])
        now = time.monotonic()
        tokens_per_second = sum(s.num_tokens for s in steps) / max(now - self._mark, 1e-9)
        self._mark = now
        numbers = [s.step for s in steps]
        values = {
            "train/loss": losses,
            "train/gradient_norm": norms,
            "train/learning_rate": [s.learning_rate for s in steps],
            "time/seconds": [s.seconds for s in steps],
        }
        self._emit(Metrics(steps=numbers, values={key: [finite(v) for v in row] for key, row in values.items()}))
        self._emit(Metrics(steps=numbers[-1:], values=self._machine_use(tokens_per_second)))
        self._emit(self._progress(numbers[-1], now))
        for number, loss in zip(numbers, losses, strict=True):
            self._on_loss(number, loss)

    def restart_clock(self) -> None:
        """Leave what was done since the last block (a validation, a checkpoint) out of the throughput."""
        self._mark = time.monotonic()

    def _progress(self, step: int, now: float) -> Progress:
        done = step - self._first_step
        left = (now - self._began) / done * (self._num_steps - step) if done else None
        return Progress(done=step, total=self._num_steps, phase="training", seconds_left=left)

    def _machine_use(self, tokens_per_second: float) -> dict[str, list[float | None]]:
        found: dict[str, list[float | None]] = {
            "train/tokens_per_second": [tokens_per_second],
            "system/memory_bytes": [float(self._process.memory_info().rss)],
            "system/cpu_fraction": [psutil.cpu_percent() / 100],
        }
        if self._device.startswith("cuda"):
            found["gpu/memory_bytes"] = [float(torch.cuda.max_memory_allocated())]
            if (busy := gpu_utilisation()) is not None:
                found["gpu/utilisation"] = [busy]
        elif self._device == "mps":
            found["gpu/memory_bytes"] = [float(torch.mps.driver_allocated_memory())]
        return found


def finite(value: float) -> float | None:
    """Return the value, or None for what JSON cannot say."""
    return value if math.isfinite(value) else None


def gpu_utilisation() -> float | None:
    """Return the fraction of the last second in which the device was busy; None where it cannot be asked."""
    try:
        return torch.cuda.utilization() / 100
    except Exception:  # the library that tells it is optional, and fails in many ways
        return None


def _read_back(values: list[Tensor]) -> list[float]:
    return torch.stack(values).float().tolist()  # type: ignore[no-any-return]
