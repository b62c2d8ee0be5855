"""Restore: put a backup in the place of the database. What was there is itself backed up first."""

from __future__ import annotations

import subprocess
from pathlib import Path

from django.db import connection, connections

from webapp.ops.backup import backup_write, connection_environment
from webapp.ops.binaries import postgres_wheel
from webapp.ops.home import Home, HomeError
from webapp.ops.postgres import EmbeddedPostgres
from webapp.ops.running import HomeLock, running_read


def database_restore(*, home: Home, place: Path) -> Path:
    """Replace the database by the backup in `place`; return the backup of what was there before."""
    if not place.is_file():
        raise HomeError(f"There is no file {place}. The backups are in {home.backups}.")
    home.ensure()
    lock = HomeLock(home)
    if not lock.take():
        running = running_read(home)
        where = f" at {running.url}" if running else ""
        raise HomeError(f"Isocost runs{where}. Stop it first, with Ctrl-C where it was started.")
    server = EmbeddedPostgres(home=home)
    try:
        if home.embedded_postgres:
            server.start()
        before = backup_write(home=home)
        _empty()
        _fill(place)
        return before
    finally:
        connections.close_all()
        if home.embedded_postgres:
            server.stop()
        lock.release()


def _empty() -> None:
    """Drop every table: those that the backup does not know must not stay."""
    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA public CASCADE")
        cursor.execute("CREATE SCHEMA public")
    connections.close_all()


def _fill(place: Path) -> None:
    options = ["--no-owner", "--clean", "--if-exists", "--exit-on-error", "--single-transaction", "--no-password"]
    environment = connection_environment()
    found = subprocess.run(
        [postgres_wheel() / "bin" / "pg_restore", *options, f"--dbname={environment['PGDATABASE']}", place],
        env=environment,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if found.returncode != 0:
        raise HomeError(
            f"{place} could not be restored: {found.stderr.strip()}. The database is empty now; restore another backup."
        )
