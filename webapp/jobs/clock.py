"""The database's clock. Every time that decides something comes from it, so that no machine's clock can matter."""

from __future__ import annotations

from datetime import timedelta
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


READY_SINCE_SQL = """
    SELECT extract(epoch FROM clock_timestamp() - greatest(
        pg_postmaster_start_time(),
        (SELECT min(backend_start) FROM pg_stat_activity
          WHERE datname = current_database() AND usename = current_user AND backend_type = 'client backend')))
"""


def seconds_since_database_ready() -> float:
    """Return for how long PostgreSQL has been answering us.

    Its own start is not enough: recovery after a crash may take minutes, in which nobody could renew a lease. The oldest
    of our connections tells since when one could.
    """
    return float(fetch_value(READY_SINCE_SQL))


def fetch_value(sql: str, params: tuple[Any, ...] = ()) -> Any:
    """Return the first column of the first row, None without a row."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        row = cursor.fetchone()
    return None if row is None else row[0]
