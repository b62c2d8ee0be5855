"""Metrics are read here: one level of a series for a chart, exact points for a live tail, every row for a CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from django.db.models import Count

from webapp.runs import metric_blocks as blocks
from webapp.runs import metric_levels as levels
from webapp.runs.axes import axis_columns
from webapp.runs.metric_levels import Buckets
from webapp.runs.models import MetricBlock, MetricSeries, Run

MAX_POINTS_LIMIT = 5_000
CSV_BLOCKS_A_WINDOW = 16


@dataclass(frozen=True, slots=True)
class Series:
    """What a chart draws. Where `num_points` is more than what is drawn, each place stands for a bucket of points."""

    key: str
    level: int
    num_points: int
    """Points in the range, as far as the level read tells."""

    buckets: Buckets
    is_exact: bool
    """Every point is there; low, high and mean are the value itself."""

    def as_json(self) -> dict[str, object]:
        b = self.buckets
        found: dict[str, object] = {
            "key": self.key, "num_points": self.num_points, "exact": self.is_exact, "steps": b.steps.tolist(),
            "last": _round(b.last), "nan": b.steps[b.nan > 0].tolist(),
        }  # fmt: skip
        if not self.is_exact:
            found |= {"low": _round(b.low), "high": _round(b.high), "mean": _round(b.mean)}
        return found


def metric_keys(run: Run) -> list[str]:
    """Return the run's metrics, the derived axes left out."""
    keys = MetricSeries.objects.filter(run=run, num_points__gt=0).exclude(key__startswith="axis/")
    return list(keys.order_by("key").values_list("key", flat=True))


def metric_series(
    run: Run, key: str, *, max_points: int, first_step: int | None = None, last_step: int | None = None
) -> Series:
    """Return at most `max_points` places of a metric, from the one level that is just fine enough for them.

    Reads at most 16 buckets for each place, however long the run is.
    """
    series = MetricSeries.objects.filter(run=run, key=key).first()
    return _read(series, key, max_points=max_points, first_step=first_step, last_step=last_step)


def metric_many(
    run: Run, keys: Iterable[str], *, max_points: int, first_step: int | None = None, last_step: int | None = None
) -> list[Series]:
    """Return several metrics of a run; those that it has not are left out."""
    rows = MetricSeries.objects.filter(run=run, key__in=list(keys), num_points__gt=0).order_by("key")
    return [_read(row, row.key, max_points=max_points, first_step=first_step, last_step=last_step) for row in rows]


def _read(
    series: MetricSeries | None, key: str, *, max_points: int, first_step: int | None, last_step: int | None
) -> Series:
    if series is None or not series.num_points:
        return Series(key, 0, 0, levels.empty(), True)
    max_points = max(1, min(max_points, MAX_POINTS_LIMIT))
    whole = (first_step is None or first_step <= series.first_step) and (
        last_step is None or last_step >= series.last_step
    )
    budget = max(levels.FOLD_ABOVE, levels.FACTOR * max_points)
    level = _level(series, budget, None if whole else (first_step, last_step))
    ends = {} if whole else {"first_step": first_step, "last_step": last_step}
    read = blocks.load_level(series.pk, level, **ends)
    num_points = series.num_points if whole else int(read.finite.sum() + read.nan.sum())
    if len(read) > max_points:
        return Series(key, level, num_points, levels.fold(read, -(-len(read) // max_points)), False)
    return Series(key, level, num_points, read, level == 0)


def _level(series: MetricSeries, budget: int, ends: tuple[int | None, int | None] | None) -> int:
    """Return the finest level of which the range holds at most `budget` buckets."""
    top = levels.num_levels(series.num_points) - 1
    for level in range(top):
        size = levels.num_buckets(series.num_points, level) if ends is None else _size_of_range(series, level, *ends)
        if size <= budget:
            return level
    return top


def _size_of_range(series: MetricSeries, level: int, first_step: int | None, last_step: int | None) -> int:
    touched = MetricBlock.objects.filter(series=series, level=level)
    if first_step is not None:
        touched = touched.filter(last_step__gte=first_step)
    if last_step is not None:
        touched = touched.filter(first_step__lte=last_step)
    return max(0, touched.count() - 2) * levels.block_size(level)  # the outer two may hold one bucket each


def metric_tail(
    run: Run, keys: Iterable[str], *, first_step: int, last_step: int, limit: int
) -> dict[str, tuple[list[int], list[float | None]]] | None:
    """Return the exact points of a few steps, for a chart that has all before; None when a metric has more than `limit`."""
    touched = MetricBlock.objects.filter(
        series__run=run, series__key__in=list(keys), level=0, last_step__gte=first_step, first_step__lte=last_step
    )
    most = max(touched.values_list("series").annotate(n=Count("id")).values_list("n", flat=True), default=0)
    if max(0, most - 2) * levels.POINTS_PER_BLOCK > limit:  # the outer two may hold one point each
        return None
    parts: dict[str, list[Buckets]] = {}
    for row in touched.select_related("series").order_by("first_step"):
        part = blocks.cut(blocks.decode_row(row), 0, first_step=first_step, last_step=last_step)
        if len(part):
            parts.setdefault(row.series.key, []).append(part)
    found = {key: levels.join(some) for key, some in parts.items()}
    if any(len(points) > limit for points in found.values()):
        return None
    return {key: (points.steps.tolist(), _round(points.last)) for key, points in found.items()}


def metric_csv(run: Run) -> Iterator[str]:
    """Yield the lines of a table of every metric: one row a step, the axes first, an empty field where nothing was measured."""
    rows = list(MetricSeries.objects.filter(run=run, num_points__gt=0).exclude(key__startswith="axis/").order_by("key"))
    axes = axis_columns(run)
    line = _LineWriter()
    yield line.of(["step", *axes, *(series.key for series in rows)])
    for first_step, last_step in _windows(rows):
        parts = [blocks.load_level(series.pk, 0, first_step=first_step, last_step=last_step) for series in rows]
        steps = np.unique(np.concatenate([part.steps for part in parts]))
        table: list[list[str]] = [[str(step) for step in steps.tolist()]]
        table += [_fields(column(steps)) for column in axes.values()]
        table += [_aligned(steps, part) for part in parts]
        for row in zip(*table, strict=True):
            yield line.of(row)


def _windows(rows: Sequence[MetricSeries]) -> Iterator[tuple[int, int]]:
    """Yield ranges of steps that hold a few blocks each, and together everything."""
    if not rows:
        return
    densest = max(rows, key=lambda series: series.num_points)
    ends = (
        MetricBlock.objects.filter(series=densest, level=0).order_by("first_step").values_list("last_step", flat=True)
    )
    first, last = min(series.first_step for series in rows), max(series.last_step for series in rows)
    for end in list(ends)[CSV_BLOCKS_A_WINDOW - 1 :: CSV_BLOCKS_A_WINDOW]:
        yield first, end
        first = end + 1
    if first <= last:
        yield first, last


def _aligned(steps: np.ndarray, part: Buckets) -> list[str]:
    fields = [""] * len(steps)
    for place, value in zip(np.searchsorted(steps, part.steps).tolist(), part.last.tolist(), strict=True):
        fields[place] = "NaN" if value != value else repr(value)
    return fields


def _fields(values: np.ndarray | None) -> list[str]:
    return [] if values is None else ["" if value != value else f"{value:.10g}" for value in values.tolist()]


def _round(values: np.ndarray) -> list[float | None]:
    """Return numbers with 7 significant digits, which no chart can show more of; None for what is no number."""
    return [None if value != value else float(f"{value:.7g}") for value in values.tolist()]


class _LineWriter:
    """Turns a row into a line of CSV."""

    def __init__(self) -> None:
        self._line = ""
        self._writer = csv.writer(self)

    def write(self, text: str) -> None:
        self._line = text

    def of(self, row: Iterable[object]) -> str:
        self._writer.writerow(row)
        return self._line
