"""Fit constants again without one source, so that a validation does not test what it was fitted to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import log

import numpy as np
from numpy.typing import NDArray

import economics.constants as constants
from economics.constants import Constant
from economics.throughput.step import step_time
from economics.throughput.workload import Workload
from economics.validation.inference import InferenceRow, predict_inference
from economics.validation.predictions import steady_choice
from economics.validation.runs import RunRow, usable

Floats = NDArray[np.float64]

FITTED = ("MATMUL_FRACTION", "ATTENTION_FRACTION", "EAGER_TRAFFIC", "POWER_EXPONENT", "SPEED_EXPONENT", "TENSOR_HIDDEN")
SERVING_FITTED = ("DECODE_FRACTION", "LAYER_SECONDS", "DEQUANTISE_OPERATIONS")
_PRIOR_SD = 0.25
"""Standard deviation of ln(constant / its value) before seeing the rows: physics allows about so much."""
_FEWEST_ROWS = 8


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


def fitted(
    names: tuple[str, ...], errors: Callable[[], Floats], clusters: list[str], *, steps: int = 2, robust: float = 0.06
) -> dict[str, float]:
    """Return constants that make errors small, sources weighing the same, with a prior at their present values.

    Gauss-Newton on ln(predicted / measured). Rows far off (a starved allocator, a slow network) pull less.

    Parameters
    ----------
    errors : ln(predicted / measured) of every row at the constants of the moment
    clusters : the source of every row
    robust : errors beyond this pull less
    """
    present = {name: float(getattr(constants, name).value) for name in names}
    weight = np.array([1.0 / np.sqrt(max(4, clusters.count(cluster))) for cluster in clusters])
    ridge = np.eye(len(names)) * (0.08 / _PRIOR_SD) ** 2
    shift = np.zeros(len(names))
    for _ in range(steps):
        now = {name: present[name] * float(np.exp(s)) for name, s in zip(names, shift, strict=True)}
        with changed(now):
            base = errors()
            columns = []
            for name in names:
                with changed({name: now[name] * 1.03}):
                    columns.append((errors() - base) / log(1.03))
        slope = np.stack(columns, axis=1) * weight[:, None]
        pull = (1.0 / np.sqrt(1.0 + (base / robust) ** 2) ** 0.5)[:, None]
        left = (slope * pull).T @ slope + ridge
        right = -(slope * pull).T @ (base * weight) - ridge @ shift
        shift = np.clip(shift + np.linalg.solve(left, right), -0.5, 0.5)
    # six digits: the last bits of a sum differ between machines and must not change what a search finds
    return {name: float(f"{present[name] * np.exp(s):.6g}") for name, s in zip(names, shift, strict=True)}


def refit_on(rows: list[RunRow]) -> dict[str, float]:
    """Return the constants of the step fitted to the usable steady-state rows among these.

    Layouts that rows leave open are held as chosen. Rows that are flagged, secondary or from memory are no basis.
    """
    kept = [row for row in rows if row.kind == "benchmark" and row.measured_tokens_per_second and usable(row)]
    if len(kept) < _FEWEST_ROWS:
        return {}
    work = [(steady_choice(row, given=True).workload, row.measured_tokens_per_second or 1.0) for row in kept]

    def errors() -> Floats:
        return np.array([_log_ratio(one, rate) for one, rate in work])

    return fitted(FITTED, errors, [row.cluster for row in kept])


def _log_ratio(work: Workload, measured: float) -> float:
    return log(step_time(work).tokens_per_second_per_accelerator / measured)


def refit_serving_on(rows: list[InferenceRow]) -> dict[str, float]:
    """Return the constants of decoding fitted to these rows."""
    if len(rows) < _FEWEST_ROWS:
        return {}

    def errors() -> Floats:
        return np.array([log(predict_inference(row).p50 / row.measured_tokens_per_second) for row in rows])

    return fitted(SERVING_FITTED, errors, [row.cluster for row in rows], robust=0.1)
