"""Fit the step's constants again without one source, so that a validation does not test what it was fitted to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import log

import numpy as np

import economics.constants as constants
from economics.constants import Constant
from economics.throughput.step import Workload, step_time
from economics.validation.predictions import run_predictions, steady_choice
from economics.validation.runs import RunRow, usable

FITTED = ("MATMUL_FRACTION", "ATTENTION_FRACTION", "EAGER_TRAFFIC", "POWER_EXPONENT", "SPEED_EXPONENT", "TENSOR_HIDDEN")
_PRIOR_SD = 0.25
"""Standard deviation of ln(constant / its value) before seeing the rows: physics allows about so much."""


@contextmanager
def changed(values: dict[str, float]) -> Iterator[None]:
    """Set constants to other values for a while. Not for use in threads: constants are shared.

    >>> from economics.constants import MATMUL_FRACTION
    >>> with changed({"MATMUL_FRACTION": 0.5}):
    ...     MATMUL_FRACTION.value
    0.5
    """
    found: dict[str, Constant] = {name: getattr(constants, name) for name in values}
    before = {name: constant.value for name, constant in found.items()}
    try:
        for name, constant in found.items():
            object.__setattr__(constant, "value", values[name])
        yield
    finally:
        for name, constant in found.items():
            object.__setattr__(constant, "value", before[name])


def _errors(work: list[tuple[Workload, float]]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([log(step_time(w).tokens_per_second_per_accelerator / rate) for w, rate in work])


def refit_on(rows: list[RunRow], *, steps: int = 2) -> dict[str, float]:
    """Return the constants of the step fitted to the usable steady-state rows among these.

    Gauss-Newton on ln(predicted / measured), clusters weighing the same, with a prior at the present values; layouts
    that rows leave open are held as chosen. Rows that are flagged, secondary or from memory are no basis.
    """
    kept = [row for row in rows if row.kind == "benchmark" and row.measured_tokens_per_second and usable(row)]
    present = {name: float(getattr(constants, name).value) for name in FITTED}
    if len(kept) < 8:
        return present
    work = [(steady_choice(row, given=True).workload, row.measured_tokens_per_second or 1.0) for row in kept]
    sizes = {row.cluster: sum(other.cluster == row.cluster for other in kept) for row in kept}
    weight = np.array([1.0 / np.sqrt(max(4, sizes[row.cluster])) for row in kept])
    shift = np.zeros(len(FITTED))
    for _ in range(steps):
        now = {name: present[name] * float(np.exp(s)) for name, s in zip(FITTED, shift, strict=True)}
        with changed(now):
            base = _errors(work)
            columns = []
            for name in FITTED:
                with changed({name: now[name] * 1.03}):
                    columns.append((_errors(work) - base) / log(1.03))
        slope = np.stack(columns, axis=1) * weight[:, None]
        # robust: rows far off (a starved allocator, a slow network) pull less
        pull = weight / np.sqrt(1.0 + (base / 0.06) ** 2) ** 0.5
        left = (slope * (pull / weight)[:, None]).T @ slope + np.eye(len(FITTED)) * (0.08 / _PRIOR_SD) ** 2
        right = -(slope * (pull / weight)[:, None]).T @ (base * weight) - shift * (0.08 / _PRIOR_SD) ** 2
        shift = np.clip(shift + np.linalg.solve(left, right), -0.5, 0.5)
    return {name: present[name] * float(np.exp(s)) for name, s in zip(FITTED, shift, strict=True)}


def refit_run_fraction(rows: list[RunRow]) -> dict[str, float]:
    """Return `RUN_FRACTION` as these whole runs have it: the median over sources of what hours exceed predictions by.

    With whole runs of fewer than four sources nothing can be said, and the present value stays.
    """
    predicted = run_predictions(rows)
    sources: dict[str, list[float]] = {}
    for prediction in predicted:
        sources.setdefault(prediction.cluster, []).append(prediction.log_error)
    present = constants.RUN_FRACTION.value
    if len(sources) < 4:
        return {"RUN_FRACTION": present}
    middle = float(np.median([np.mean(errors) for errors in sources.values()]))
    return {"RUN_FRACTION": float(min(0.98, present * np.exp(middle)))}
