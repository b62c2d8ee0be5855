"""Metrics are written here: appended in blocks with their levels, and cut off where a resumed run goes on.

Each call is one transaction of a few statements however many points it brings; what it costs does not depend on how
long the run already is. A point that is not a number is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from django.db import connection, transaction
from django.db.models import Count

from webapp.runs import metric_blocks as blocks
from webapp.runs import metric_levels as levels
from webapp.runs.metric_blocks import Tail
from webapp.runs.metric_levels import Buckets
from webapp.runs.models import MetricBlock, MetricSeries, Run

MAX_KEY_LENGTH = 120
MAX_KEYS = 2_000
"""Metrics of one run; more are not kept, for a program that puts a number into a key would fill the disk."""
_SERIES_FIELDS = [
    "num_points", "num_nan", "first_step", "last_step", "last", "lowest", "lowest_step", "highest", "highest_step",
]  # fmt: skip


def metrics_append(
    *, run: Run, steps: Sequence[int], values: Mapping[str, Sequence[float | None]]
) -> list[MetricSeries]:
    """Add points: `values[key][i]` belongs to `steps[i]`. Points of a key at or after its first new step are replaced."""
    return points_append(
        run=run, points={key: levels.points(steps, row) for key, row in values.items() if len(row)}
    )  # fmt: skip


@transaction.atomic(savepoint=False)
def points_append(*, run: Run, points: Mapping[str, Buckets]) -> list[MetricSeries]:
    """Add the points of each key, whose steps need not be the same; those at or after its first new step are replaced."""
    new = {key: row for key, row in points.items() if len(row) and _is_good_key(key)}
    if not new:
        return []
    rows = _series_for(run, sorted(new))
    for series in rows:
        first = int(new[series.key].steps[0])
        if series.num_points and first <= series.last_step:
            _truncate(series, after_step=first - 1)
    wanted = [
        (series.pk, level, levels.num_buckets(series.num_points, level))
        for series in rows
        for level in range(levels.num_levels(series.num_points))
    ]
    tails = blocks.load_tails(wanted)
    changed: list[MetricBlock] = []
    for series in rows:
        changed += _append(series, new[series.key], tails)
    blocks.write(changed)
    _write_series(rows)
    _summarise(run, rows)
    return rows


@transaction.atomic(savepoint=False)
def metrics_truncate(*, run: Run, after_step: int) -> None:
    """Remove every point behind `after_step`: a resumed run draws those steps again."""
    rows = list(MetricSeries.objects.select_for_update().filter(run=run, last_step__gt=after_step).order_by("key"))
    for series in rows:
        _truncate(series, after_step=after_step)
    _write_series(rows)
    gone = [series.key for series in rows if not series.num_points]
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE runs_run SET summary = summary - %s::text[], last_step = least(last_step, %s) WHERE id = %s",
            [gone, max(0, after_step), run.pk],
        )
    _summarise(run, [series for series in rows if series.num_points])


def _is_good_key(key: str) -> bool:
    return 0 < len(key) <= MAX_KEY_LENGTH and key.isprintable()


def _series_for(run: Run, keys: list[str]) -> list[MetricSeries]:
    """Return the rows of the keys, locked, made where missing."""
    wanted = MetricSeries.objects.select_for_update().filter(run=run, key__in=keys).order_by("key")
    rows = list(wanted)
    if len(rows) == len(keys):
        return rows
    room = MAX_KEYS - MetricSeries.objects.filter(run=run).count()
    missing = sorted(set(keys) - {series.key for series in rows})[: max(0, room)]
    MetricSeries.objects.bulk_create([MetricSeries(run=run, key=key) for key in missing], ignore_conflicts=True)
    return list(wanted.all())


def _write_series(rows: Sequence[MetricSeries]) -> None:
    MetricSeries.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["run", "key"], update_fields=_SERIES_FIELDS
    )


def _append(series: MetricSeries, new: Buckets, tails: Mapping[tuple[int, int], Tail]) -> list[MetricBlock]:
    """Put the points behind the series, fold what changed on every level, and return the changed rows."""
    before = series.num_points
    _count_in(series, new)
    changed: list[MetricBlock] = []
    dirty, buckets = before, new
    below: Tail | None = None
    for level in range(levels.num_levels(series.num_points)):
        if level:
            assert below is not None
            dirty, buckets = _dirty_of_next(series, level, dirty, below, tails, changed)
        tail = tails.get((series.pk, level)) or Tail(0, series.first_step, levels.empty())
        merged = _merged(tail, dirty, buckets)
        rows, _tail = blocks.split(series.pk, level, tail, dirty, buckets)
        changed += rows
        below = Tail(tail.index, tail.first_step, merged)
    return changed


def _merged(tail: Tail, dirty: int, buckets: Buckets) -> Buckets:
    return levels.join([tail.buckets[: dirty - tail.index], buckets])


def _dirty_of_next(
    series: MetricSeries,
    level: int,
    dirty: int,
    below: Tail,
    tails: Mapping[tuple[int, int], Tail],
    changed: Sequence[MetricBlock],
) -> tuple[int, Buckets]:
    """Return where `level` changed, and its buckets from there on, folded from the level below."""
    if (series.pk, level) in tails:
        dirty //= levels.FACTOR
        return dirty, levels.fold(below.buckets[dirty * levels.FACTOR - below.index :])
    # the level is new: what is in the database below it, up to the tail, belongs to it too
    stored = blocks.load_level(series.pk, level - 1)
    return 0, levels.fold(levels.join([stored[: below.index], below.buckets]))


def _truncate(series: MetricSeries, *, after_step: int) -> None:
    """Cut the series behind a step, in the database and in the row given (which is not saved)."""
    mine = MetricBlock.objects.filter(series=series)
    mine.filter(first_step__gt=after_step).delete()
    base = _cut_tail(series, 0, after_step=after_step)
    if base is None:
        mine.delete()
        _empty(series)
        return
    num_points = base.index + len(base.buckets)
    mine.filter(level__gte=levels.num_levels(num_points)).delete()
    below = base
    for level in range(1, levels.num_levels(num_points)):
        below = _refold(series, level, below, num_points)
    series.num_points = num_points
    series.last_step = int(base.buckets.steps[-1])
    series.last = _finite(base.buckets.last[-1])
    _recount(series)


def _cut_tail(series: MetricSeries, level: int, *, after_step: int) -> Tail | None:
    """Cut the last block of a level, or drop it and take the one before; None when nothing is left."""
    while True:
        row = MetricBlock.objects.filter(series=series, level=level).order_by("-first_step").first()
        if row is None:
            return None
        kept = blocks.cut(blocks.decode_row(row), 0, first_step=None, last_step=after_step)
        if len(kept):
            number = MetricBlock.objects.filter(series=series, level=level).aggregate(n=Count("id"))["n"] - 1
            if len(kept) < row.size:
                blocks.write([blocks.encode(series.pk, level, row.first_step, kept)])
            return Tail(number * levels.block_size(level), row.first_step, kept)
        row.delete()


def _refold(series: MetricSeries, level: int, below: Tail, num_points: int) -> Tail:
    """Make the end of a level anew from the level below, which ends where it should."""
    dirty = num_points // levels.FACTOR**level
    buckets = levels.fold(below.buckets[dirty * levels.FACTOR - below.index :])
    while True:
        row = MetricBlock.objects.filter(series=series, level=level).order_by("-first_step").first()
        number = MetricBlock.objects.filter(series=series, level=level).count() - 1
        index = number * levels.block_size(level)
        if row is None or index < dirty + len(buckets):
            break
        row.delete()  # it held only what is gone
    tail = (
        Tail(0, series.first_step, levels.empty())
        if row is None
        else Tail(index, row.first_step, blocks.decode_row(row))
    )
    rows, new_tail = blocks.split(series.pk, level, tail, dirty, buckets)
    if not rows and dirty - tail.index < len(tail.buckets):
        kept = tail.buckets[: dirty - tail.index]
        rows, new_tail = [blocks.encode(series.pk, level, tail.first_step, kept)], Tail(
            tail.index, tail.first_step, kept
        )  # fmt: skip
    blocks.write(rows)
    return new_tail


def _count_in(series: MetricSeries, new: Buckets) -> None:
    """Take the new points into the series' counts and ends."""
    if not series.num_points:
        series.first_step = int(new.steps[0])
    series.num_points += len(new)
    series.num_nan += int(new.nan.sum())
    series.last_step = int(new.steps[-1])
    series.last = _finite(new.last[-1])
    if (low := levels.lowest(new)) and (series.lowest is None or low[0] < series.lowest):
        series.lowest, series.lowest_step = low
    if (high := levels.highest(new)) and (series.highest is None or high[0] > series.highest):
        series.highest, series.highest_step = high


def _recount(series: MetricSeries) -> None:
    """Find lowest, highest and the count of NaN again, from the top level down."""
    top = levels.num_levels(series.num_points) - 1
    buckets = blocks.load_level(series.pk, top)
    series.num_nan = int(buckets.nan.sum())
    series.lowest = series.lowest_step = series.highest = series.highest_step = None
    if low := levels.lowest(buckets):
        series.lowest, series.lowest_step = levels.lowest(_points_of_bucket(series, top, buckets, low[1])) or low
    if high := levels.highest(buckets):
        series.highest, series.highest_step = levels.highest(_points_of_bucket(series, top, buckets, high[1])) or high


def _points_of_bucket(series: MetricSeries, level: int, buckets: Buckets, last_step: int) -> Buckets:
    if not level:
        return buckets
    place = int(buckets.steps.searchsorted(last_step))
    first_step = int(buckets.steps[place - 1]) + 1 if place else series.first_step
    return blocks.load_level(series.pk, 0, first_step=first_step, last_step=last_step)


def _empty(series: MetricSeries) -> None:
    series.num_points = series.num_nan = series.first_step = 0
    series.last_step = -1
    series.last = series.lowest = series.lowest_step = series.highest = series.highest_step = None


def _finite(value: Any) -> float | None:
    return None if value != value else float(value)


def _summarise(run: Run, rows: Sequence[MetricSeries]) -> None:
    """Keep the ends of each metric with the run, where the table of runs reads them."""
    found = {series.key: summary_of(series) for series in rows}
    if not found:
        return
    last_step = max(series.last_step for series in rows)
    run.summary = {**run.summary, **found}
    run.last_step = max(run.last_step, last_step)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE runs_run SET summary = summary || %s::jsonb, last_step = greatest(last_step, %s) WHERE id = %s",
            [_json(found), last_step, run.pk],
        )


def summary_of(series: MetricSeries) -> dict[str, float | int | None]:
    """Return what the run's summary keeps of a metric."""
    return {
        "last": series.last,
        "step": series.last_step,
        "min": series.lowest,
        "min_step": series.lowest_step,
        "max": series.highest,
        "max_step": series.highest_step,
    }


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
