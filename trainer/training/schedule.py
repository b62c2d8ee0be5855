"""The learning rate at each step, as a fraction of its peak. A pure function of the step: nothing to save or to load."""

from __future__ import annotations

import math

from trainer.sections import ScheduleSpec


def rate_fraction(step: int, schedule: ScheduleSpec) -> float:
    """Return the fraction of the peak rate at `step`, counted from 1: a straight rise, then the decay."""
    if step <= schedule.warmup_steps:
        return step / schedule.warmup_steps
    start = decay_start(schedule)
    if schedule.decay == "constant" or step <= start:
        return 1.0
    done = min((step - start) / max(schedule.num_steps - start, 1), 1.0)
    fall = (1 + math.cos(math.pi * done)) / 2 if schedule.decay == "cosine" else 1 - done
    return schedule.final_fraction + (1 - schedule.final_fraction) * fall


def decay_start(schedule: ScheduleSpec) -> int:
    """Return the last step at the full rate."""
    if schedule.decay == "constant":
        return schedule.num_steps
    if schedule.decay == "cosine":
        return min(schedule.warmup_steps, schedule.num_steps)
    cooldown = round(schedule.num_steps * schedule.cooldown_fraction)
    return max(schedule.num_steps - cooldown, schedule.warmup_steps)
