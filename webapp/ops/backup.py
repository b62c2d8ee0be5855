"""Backups: the whole database in one file, as pg_restore reads it; the last five are kept."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from django.db import connection

from webapp.ops.binaries import postgres_wheel
from webapp.ops.home import Home, HomeError

NUM_KEPT = 5
PATTERN = "isocost-*.dump"


def backup_write(*, home: Home) -> Path:
    """Write a backup and return its file; it appears whole, or not at all."""
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%S.%f")[:-3]
    place = home.backups / f"isocost-{moment}.dump"
    draft = place.with_suffix(".part")
    found = subprocess.run(
        [postgres_wheel() / "bin" / "pg_dump", "--format=custom", "--no-password", f"--file={draft}"],
        env=connection_environment(),
        capture_output=True,
        text=True,
        errors="replace",
        umask=0o077,
        check=False,
    )
    if found.returncode != 0:
        draft.unlink(missing_ok=True)
        raise HomeError(
            f"The backup from before the change failed, so nothing was changed: {found.stderr.strip()}. "
            f"Make room in {home.backups}, or see `make doctor`."
        )
    draft.replace(place)
    for old in backups(home)[:-NUM_KEPT]:
        old.unlink(missing_ok=True)
    return place


def backups(home: Home) -> list[Path]:
    """Return the backups, the oldest first."""
    return sorted(home.backups.glob(PATTERN))


def connection_environment() -> dict[str, str]:
    """Return libpq's variables for the database in use: a password on a command line would be seen by everybody."""
    settings = connection.settings_dict
    names = {"HOST": "PGHOST", "PORT": "PGPORT", "USER": "PGUSER", "PASSWORD": "PGPASSWORD", "NAME": "PGDATABASE"}
    given = {theirs: str(settings[ours]) for ours, theirs in names.items() if settings.get(ours)}
    if mode := settings.get("OPTIONS", {}).get("sslmode"):
        given["PGSSLMODE"] = str(mode)
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return plain | given
