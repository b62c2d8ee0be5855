"""The database at start: newer than the code is refused, a backup is kept from before a change, one process migrates."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from django.core.management import call_command
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor

from webapp.ops.backup import backup_write
from webapp.ops.home import Home, HomeError

MIGRATION_LOCK = 0x150C057
"""The advisory lock that whoever migrates holds; any number, but always the same."""


def database_prepare(*, home: Home, say: Callable[[str], None]) -> None:
    """Bring the database to the code's version. Does nothing, quickly, when it is there already."""
    with _migration_lock():
        executor = MigrationExecutor(connection)
        _refuse_newer(executor, home)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if plan:
            if executor.loader.applied_migrations:
                place = backup_write(home=home)
                say(f"The database changes with this version; as it was before, it is kept in {place}.")
            call_command("migrate", interactive=False, verbosity=0)
    connections.close_all()


def migrations_missing() -> list[str]:
    """Return the migrations that the code has and the database has not."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _backwards in plan]


def migrations_unknown(executor: MigrationExecutor | None = None) -> list[str]:
    """Return the migrations that the database has and the code, in an app that it still has, does not know."""
    loader = (executor or MigrationExecutor(connection)).loader
    known = set(loader.disk_migrations) | set(loader.replacements)
    replaced = {key for migration in loader.replacements.values() for key in migration.replaces}
    unknown = set(loader.applied_migrations) - known - replaced
    return sorted(f"{app}.{name}" for app, name in unknown if app in loader.migrated_apps)


def _refuse_newer(executor: MigrationExecutor, home: Home) -> None:
    if unknown := migrations_unknown(executor):
        raise HomeError(
            f"The database was last used by a newer version of Isocost: it has {', '.join(unknown[:3])}"
            f"{' and more' if len(unknown) > 3 else ''}, which this code does not know. "
            f"Update the code (`git pull`), or restore a backup from {home.backups} as docs/operating.md describes."
        )


@contextlib.contextmanager
def _migration_lock() -> Iterator[None]:
    """Let one process migrate at a time; the lock goes with the connection, however the process ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [MIGRATION_LOCK])
    try:
        yield
    finally:
        if connection.connection is not None and not connection.connection.closed:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [MIGRATION_LOCK])
