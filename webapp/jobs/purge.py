"""Deleting for good. Jobs, attempts and events are history, and PostgreSQL refuses to delete them without this."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction


@contextmanager
def purging() -> Iterator[None]:
    """Allow deletion of jobs and what hangs on them, inside this transaction alone."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL isocost.purge = 'on'")
        yield
        cursor.execute("SET LOCAL isocost.purge = ''")
