"""Blocks of metrics in the database: how buckets become bytes, and how a series' tails are read and written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg
from django.db import connection

from webapp.runs.metric_levels import FACTOR, Buckets, block_size, empty, from_values, join
from webapp.runs.models import MetricBlock

_INT, _FLOAT = np.dtype("<i8"), np.dtype("<f8")
_KEYS = {"series_id": "bigint", "level": "int", "first_step": "bigint"}
_FIELDS = {"last_step": "bigint", "size": "int"} | dict.fromkeys(
    ("steps", "last", "low", "high", "mean", "finite", "nan"), "bytea"
)
_COLUMNS = _KEYS | _FIELDS
_WRITE = f"""
    INSERT INTO runs_metricblock ({", ".join(_COLUMNS)})
    SELECT * FROM unnest({", ".join(f"%b::{kind}[]" for kind in _COLUMNS.values())})
    ON CONFLICT ({", ".join(_KEYS)}) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _FIELDS)}
"""  # nosec B608: of the columns' names above alone


@dataclass(slots=True)
class Tail:
    """The last block of a level: where its first bucket stands in the level, and what it holds."""

    index: int
    first_step: int
    buckets: Buckets


def encode(series_id: int, level: int, first_step: int, buckets: Buckets) -> MetricBlock:
    """Return the row of a block."""
    last_step, size = int(buckets.steps[-1]), len(buckets)
    row = MetricBlock(series_id=series_id, level=level, first_step=first_step, last_step=last_step, size=size)
    row.steps = b"" if _is_even(buckets, first_step) else buckets.steps.astype(_INT).tobytes()
    row.last = buckets.last.astype(_FLOAT).tobytes()
    if level:
        row.low, row.high, row.mean = (c.astype(_FLOAT).tobytes() for c in (buckets.low, buckets.high, buckets.mean))
        if np.any(buckets.finite != FACTOR**level):
            row.finite = buckets.finite.astype(_INT).tobytes()
        if np.any(buckets.nan):
            row.nan = buckets.nan.astype(_INT).tobytes()
    return row


def decode(level: int, first_step: int, last_step: int, size: int, columns: Sequence[Any]) -> Buckets:
    """Return the buckets of a row; `columns` are its seven arrays in the model's order."""
    steps, last, low, high, mean, finite, nan = columns
    numbers = _ints(steps) if len(steps) else _even_steps(first_step, last_step, size)
    values = _floats(last)
    if not level:
        return from_values(numbers, values)
    return Buckets(
        steps=numbers,
        last=values,
        low=_floats(low),
        high=_floats(high),
        mean=_floats(mean),
        finite=_ints(finite) if len(finite) else np.full(size, FACTOR**level, dtype=np.int64),
        nan=_ints(nan) if len(nan) else np.zeros(size, dtype=np.int64),
    )


def decode_row(row: MetricBlock) -> Buckets:
    columns = (row.steps, row.last, row.low, row.high, row.mean, row.finite, row.nan)
    return decode(row.level, row.first_step, row.last_step, row.size, columns)


def _is_even(buckets: Buckets, first_step: int) -> bool:
    """Say whether the steps follow from the block's ends: they start at `first_step` and are evenly spaced."""
    steps = buckets.steps
    return int(steps[0]) == first_step and bool(
        np.array_equal(steps, _even_steps(first_step, int(steps[-1]), len(steps)))
    )


def _even_steps(first_step: int, last_step: int, size: int) -> Any:
    stride = (last_step - first_step) // (size - 1) if size > 1 else 1
    return first_step + stride * np.arange(size, dtype=np.int64)


def _ints(data: Any) -> Any:
    return np.frombuffer(data, dtype=_INT)


def _floats(data: Any) -> Any:
    return np.frombuffer(data, dtype=_FLOAT)


def split(series_id: int, level: int, tail: Tail, dirty: int, buckets: Buckets) -> tuple[list[MetricBlock], Tail]:
    """Put `buckets`, the level's from index `dirty` on, behind what the tail keeps; return changed rows and the new tail."""
    keep, size = dirty - tail.index, block_size(level)
    merged = join([tail.buckets[:keep], buckets])
    rows, first_step, index = [], tail.first_step, tail.index
    for start in range(0, len(merged), size):
        part = merged[start : start + size]
        if start or keep < len(part):  # a first block that is full and unchanged is not written again
            rows.append(encode(series_id, level, first_step, part))
        tail = Tail(index + start, first_step, part)
        first_step = int(part.steps[-1]) + 1
    return rows, tail


def write(rows: Sequence[MetricBlock]) -> None:
    """Insert rows, or replace those of the same beginnings: one statement, its bytes sent as they are."""
    if not rows:
        return
    columns = [[getattr(row, name) for row in rows] for name in _COLUMNS]
    with connection.cursor() as cursor, connection.wrap_database_errors:
        # Django's own would write all values into the statement, bytes as hexadecimal digits
        psycopg.Cursor(cursor.connection).execute(_WRITE, columns)


def load_tails(wanted: Sequence[tuple[int, int, int]]) -> dict[tuple[int, int], Tail]:
    """Return the last block of each (series, level, number of its buckets)."""
    if not wanted:
        return {}
    sql = """
        SELECT b.series_id, b.level, b.first_step, b.last_step, b.size,
               b.steps, b.last, b.low, b.high, b.mean, b.finite, b.nan
        FROM unnest(%s::bigint[], %s::int[]) AS want(series_id, level)
        CROSS JOIN LATERAL (
            SELECT * FROM runs_metricblock m WHERE m.series_id = want.series_id AND m.level = want.level
            ORDER BY m.first_step DESC LIMIT 1
        ) b"""
    with connection.cursor() as cursor:
        cursor.execute(sql, [[series for series, _, _ in wanted], [level for _, level, _ in wanted]])
        rows = cursor.fetchall()
    sizes = {(series, level): size for series, level, size in wanted}
    return {
        (series, level): Tail(
            sizes[series, level] - size, first, decode(level, first, last, size, columns)
        )
        for series, level, first, last, size, *columns in rows
    }  # fmt: skip


def load_level(series_id: int, level: int, *, first_step: int | None = None, last_step: int | None = None) -> Buckets:
    """Return the buckets of a level that touch a range of steps."""
    blocks = MetricBlock.objects.filter(series_id=series_id, level=level)
    if first_step is not None:
        blocks = blocks.filter(last_step__gte=first_step)
    if last_step is not None:
        blocks = blocks.filter(first_step__lte=last_step)
    names = ("first_step", "last_step", "size", "steps", "last", "low", "high", "mean", "finite", "nan")
    found = [
        decode(level, first, last, size, columns)
        for first, last, size, *columns in blocks.order_by("first_step").values_list(*names)
    ]
    buckets = join(found) if found else empty()
    return cut(buckets, level, first_step=first_step, last_step=last_step)


def cut(buckets: Buckets, level: int, *, first_step: int | None, last_step: int | None) -> Buckets:
    """Return the buckets that touch the range; at level 0 the points inside it."""
    start = 0 if first_step is None else int(np.searchsorted(buckets.steps, first_step))
    stop = len(buckets)
    if last_step is not None:
        stop = int(np.searchsorted(buckets.steps, last_step, side="right"))
        if level and stop < len(buckets) and (stop == 0 or buckets.steps[stop - 1] < last_step):
            stop += 1  # the bucket that ends behind the range may begin inside it
    return buckets[start:stop]
