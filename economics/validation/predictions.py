"""Predict rows from their inputs alone, and the two baselines: one number, and the nearest row."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp, log

import numpy as np

from economics.flop.decoder import training_flop_per_token
from economics.throughput.search import NEARLY, Choice, best_layout, memory_of, with_practice
from economics.throughput.step import step_time
from economics.throughput.workload import Workload
from economics.training.defaults import usual_batch_tokens
from economics.training.spread import step_spread
from economics.uncertainty import Interval
from economics.validation.runs import RunRow, usable


@dataclass(frozen=True, kw_only=True, slots=True)
class Prediction:
    """One measured quantity of one row, predicted."""

    model: str
    cluster: str
    group: str
    measured: float
    predicted: Interval
    unit: str
    one_number: float | None = None
    """Prediction of the baseline that knows one utilisation, learnt from the other sources' rows of the same kind."""
    nearest_row: float | None = None
    """Prediction of the baseline that takes the utilisation of the most similar row."""
    counts: bool = True
    """The row is primary and unflagged, so that its error enters the medians; others are predicted and shown alone."""

    @property
    def log_error(self) -> float:
        """ln(predicted / measured)."""
        return log(self.predicted.p50 / self.measured)


def workload_of(row: RunRow, num_accelerators: int) -> Workload:
    """Return the workload that a row describes; a missing batch is a usual one."""
    if row.batch_tokens:
        batch = row.batch_tokens
    elif row.layout and row.micro_batch:
        batch = float(row.layout.data * row.micro_batch * row.sequence_length)
    elif row.kind == "benchmark" and row.layout:
        batch = float(row.layout.data * row.sequence_length)
    else:
        batch = max(usual_batch_tokens(row.decoder.parameters().active), float(num_accelerators * row.sequence_length))
    return Workload(
        decoder=row.decoder, accelerator=row.accelerator, sequence_length=row.sequence_length,
        num_sequences=max(1, round(batch / row.sequence_length)), precision=row.precision, fused=row.fused,
        attention=row.attention, recent=row.recent, dropout=row.early, sequence_split=not row.early,
    )  # fmt: skip


def steady_choice(row: RunRow, *, given: bool) -> Choice:
    """Return the choice for a steady-state row: with its layout, micro-batch and recomputing, or without."""
    work = workload_of(row, row.num_accelerators)
    if given and row.layout and row.micro_batch and row.recompute:
        work = replace(work, layout=row.layout, micro_batch=row.micro_batch, recompute=row.recompute)
        return Choice(workload=work, time=step_time(work), memory=memory_of(work), fits=True)
    if given and row.layout and row.micro_batch and row.schedule_told:
        # a table of layouts, micro-batches and schedules that is silent on recomputing did none where that nearly fits
        work = replace(work, layout=row.layout, micro_batch=row.micro_batch)
        memory = memory_of(work)
        if memory.device_total <= NEARLY * row.accelerator.memory_bytes:
            return Choice(workload=work, time=step_time(work), memory=memory, fits=True)
    found = best_layout(
        work, row.num_accelerators, layout=row.layout if given else None,
        micro_batch=row.micro_batch if given else None, recompute=row.recompute if given else None,
        any_virtual=given and not row.schedule_told,
    )  # fmt: skip
    return found if given else with_practice(found)


def around(value: float, sd: float) -> Interval:
    """Return the lognormal p10-p50-p90 around a value.

    >>> around(100.0, 0.0)
    Interval(p10=100.0, p50=100.0, p90=100.0)
    """
    width = exp(1.2816 * sd)
    return Interval(value / width, value, value * width)


def steady_predictions(rows: list[RunRow], only: list[RunRow] | None = None) -> list[Prediction]:
    """Predict every steady-state row (or only some) twice: with what it says of its layout, and without.

    The baselines learn from the other clusters among the rows that may be fitted to.
    """
    out: list[Prediction] = []
    benchmarks = [row for row in rows if row.kind == "benchmark" and row.measured_tokens_per_second]
    measured = [row for row in benchmarks if usable(row)]
    for row in [r for r in benchmarks if only is None or r in only]:
        utilisation = one_number(row, measured)
        flop = training_flop_per_token(row.decoder, row.sequence_length).total
        peak = row.accelerator.peak("bf16")
        near = nearest_utilisation(row, measured)
        complete = bool(row.layout and row.micro_batch and row.recompute)
        for given in (True, False):
            choice = steady_choice(row, given=given)
            sd = step_spread(row.decoder, row.accelerator, known=given and complete)
            out.append(
                Prediction(
                    model=row.model,
                    cluster=row.cluster,
                    group="steady, layout given" if given else "steady, layout not given",
                    measured=row.measured_tokens_per_second or 0.0,
                    predicted=around(choice.time.tokens_per_second_per_accelerator, sd),
                    unit="tokens / s / accelerator",
                    one_number=None if utilisation is None else utilisation * peak / flop,
                    nearest_row=None if near is None else near * peak / flop,
                    counts=usable(row),
                )
            )
    return out


def utilisation_of(row: RunRow) -> float:
    """Return the model FLOP utilisation that a row measured."""
    rate = row.measured_tokens_per_second
    flop = training_flop_per_token(row.decoder, row.sequence_length).total
    if rate is None:
        hours = (row.measured_hours or 1.0) * 3600.0
        rate = (row.tokens or 0.0) / hours
    return rate * flop / row.accelerator.peak("bf16")


def is_whole_run(row: RunRow) -> bool:
    """Say whether a row is a whole run of one stage from 1 B parameters on, with its hours and tokens."""
    size = row.decoder.parameters().total
    return row.kind == "full_run" and bool(row.measured_hours and row.tokens) and size >= 0.97e9


def one_number(row: RunRow, rows: list[RunRow]) -> float | None:
    """Return the geometric mean utilisation of the other sources among these rows, each source weighing the same."""
    sources: dict[str, list[float]] = {}
    for other in rows:
        if other.source != row.source:
            sources.setdefault(other.source, []).append(log(utilisation_of(other)))
    if not sources:
        return None
    return exp(float(np.mean([np.mean(values) for values in sources.values()])))


def nearest_utilisation(row: RunRow, rows: list[RunRow]) -> float | None:
    """Return the utilisation of the most similar row of another cluster: size, length, device, number of devices."""

    def place(r: RunRow) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return np.array(
            [
                log(r.decoder.parameters().active),
                log(r.sequence_length),
                log(r.accelerator.peak("bf16")),
                0.5 * log(max(1, r.num_accelerators)),
            ]
        )

    others = [other for other in rows if other.source != row.source]
    if not others:
        return None
    here = place(row)
    return utilisation_of(min(others, key=lambda other: float(np.sum((place(other) - here) ** 2))))


def memory_predictions(rows: list[RunRow]) -> list[Prediction]:
    """Predict the reserved peak of rows that print it."""
    out: list[Prediction] = []
    for row in rows:
        if not row.measured_reserved_bytes:
            continue
        memory = steady_choice(row, given=True).memory
        out.append(
            Prediction(
                model=row.model,
                cluster=row.cluster,
                group="memory",
                measured=row.measured_reserved_bytes,
                predicted=around(memory.reserved_peak, 0.05),
                unit="byte, reserved peak",
                counts=usable(row),
            )
        )
    return out
