"""Watches the loss: not a number, or far above where it was for several steps, ends the run.

A single high loss is ordinary. A spike is a median of the last steps that lies above the median of those before them by
many times their usual scatter and by a whole nat: no ordinary batch does that ten times in a row.
"""

from __future__ import annotations

import math
from statistics import median

from trainer.errors import TrainerError

NUM_RECENT = 10
NUM_BEFORE = 100
NUM_SCATTERS = 8.0
LEAST_RISE_NATS = 1.0
ADVICE = "Start again from there with a lower optimizer.learning_rate, a longer schedule.warmup_steps, or float32."


class LossWatch:
    """Reads every loss once, in order. `losses` is kept in checkpoints so that a resumed run judges alike."""

    def __init__(self, losses: list[float], *, warmup_steps: int) -> None:
        self.losses = losses
        self.warmup_steps = warmup_steps

    def read(self, step: int, loss: float, *, last_checkpoint_step: int | None) -> None:
        """Raise `TrainerError` with code `nan` or `loss_spike` when the run should not go on."""
        if not math.isfinite(loss):
            text = f"The loss became {'NaN' if math.isnan(loss) else 'infinite'} at step {step}."
            raise TrainerError(f"{text} {good_checkpoint(last_checkpoint_step)} {ADVICE}", code="nan", step=step)
        self.losses.append(loss)
        del self.losses[: -(NUM_RECENT + NUM_BEFORE)]
        if step > self.warmup_steps and (rise := spike(self.losses)):
            text = f"The loss rose by {rise:.2f} and stayed there for {NUM_RECENT} steps, up to step {step}."
            raise TrainerError(f"{text} {good_checkpoint(last_checkpoint_step)} {ADVICE}", code="loss_spike", step=step)


def spike(losses: list[float]) -> float | None:
    """Return by how much the last losses lie above those before, if that is a spike."""
    if len(losses) < NUM_RECENT + NUM_BEFORE:
        return None
    before, recent = losses[:-NUM_RECENT], losses[-NUM_RECENT:]
    middle = median(before)
    scatter = 1.4826 * median(abs(loss - middle) for loss in before)
    rise = median(recent) - middle
    return rise if rise > LEAST_RISE_NATS + NUM_SCATTERS * scatter else None


def good_checkpoint(step: int | None) -> str:
    return f"The last good checkpoint is that of step {step}." if step is not None else "There is no checkpoint yet."
