"""Times a piece of work: again and again for a while, and the median of it.

On a processor a piece of work takes what the thread that does it computes: it has its part in all that is done together,
and what other programs keep it waiting for is not the machine's doing. So a calibration beside other work tells the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import torch

from trainer.training.machine import unhindered_clock

FEWEST = 2


def median_seconds(
    work: Callable[[], object], *, budget_seconds: float, device: torch.device, is_warm: bool = False
) -> float:
    """Return the median seconds of `work`, after one call to warm up; at least `FEWEST` calls whatever the budget."""
    clock = unhindered_clock(device.type)
    if not is_warm:
        work()
        wait_for(device)
    taken: list[float] = []
    end = time.perf_counter() + budget_seconds
    while len(taken) < FEWEST or time.perf_counter() < end:
        begin = clock()
        work()
        wait_for(device)
        taken.append(clock() - begin)
    return median(taken)


def wait_for(device: torch.device) -> None:
    """Wait until the device has done what was asked of it."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
