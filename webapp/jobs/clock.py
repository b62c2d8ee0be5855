"""The database's clock. Every time that decides something comes from it, so that no machine's clock can matter."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import DateTimeField, DurationField, Func, Value
from django.db.models.expressions import CombinedExpression


class ClockTimestamp(Func):
    """`clock_timestamp()`: the time of this statement; `now()` would be that of the transaction's start."""

    function = "clock_timestamp"
    template = "%(function)s()"
    output_field = DateTimeField()


def clock_plus(seconds: float) -> CombinedExpression:
    """Return the database's time in so many seconds, as an expression."""
    return ClockTimestamp() + Value(timedelta(seconds=seconds), output_field=DurationField())


def clock_now() -> datetime:
    """Ask the database for its time."""
    return fetch_value("SELECT clock_timestamp()")  # type: ignore[no-any-return]


def seconds_since_database_started() -> float:
    """Return for how long PostgreSQL has been up."""
    return float(fetch_value("SELECT extract(epoch FROM clock_timestamp() - pg_postmaster_start_time())"))


def fetch_value(sql: str, params: tuple[Any, ...] = ()) -> Any:
    """Return the first column of the first row, None without a row."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        row = cursor.fetchone()
    return None if row is None else row[0]
