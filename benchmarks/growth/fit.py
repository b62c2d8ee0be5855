"""How cost grows: a cost at several sizes, the exponent of the power law through them, a line each in docs/performance."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.frame.compare import RUN
from benchmarks.frame.contenders import ROOT
from benchmarks.frame.machine import OthersShare, machine_name

FOLDER = ROOT / "docs" / "performance" / "growth"


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """Return the slope of the cost over the size, both in logarithms: 1 is in proportion, 2 square, 0 not at all."""
    return float(np.polyfit(np.log(sizes), np.log(costs), 1)[0])


def grow(
    name: str, *, over: str, unit: str, sizes: Sequence[int], cost: Callable[[int], float], why: str = ""
) -> dict[str, Any]:
    """Measure the cost at each size and write it down. `why` is the reason where the exponent is above 1."""
    others = OthersShare()
    costs = [cost(size) for size in sizes]
    line = {
        "name": name,
        "over": over,
        "unit": unit,
        "sizes": list(sizes),
        "costs": [float(f"{value:.4g}") for value in costs],
        "exponent": round(exponent(sizes, costs), 2),
        "why": why,
        "cpu_share_of_others": round(others.read(), 3),
        "run": RUN,
        "machine": machine_name(),
    }
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{name}.json").write_text(json.dumps(line, indent=1) + "\n")
    print(json.dumps(line), flush=True)
    return line


def best_seconds(work: Callable[[], Any], *, times: int = 3, clock: Callable[[], float] = time.process_time) -> float:
    """Return the seconds of the quickest of some tries: what others do on the machine counts least in it.

    Of this process's own processor time, unless `clock` says otherwise: where the database does the work, the wall's.
    """
    work()
    taken = []
    for _ in range(times):
        begin = clock()
        work()
        taken.append(clock() - begin)
    return min(taken)
