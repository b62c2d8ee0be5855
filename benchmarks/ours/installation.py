"""An empty installation of ours in a temporary home: PostgreSQL with its usual durability, Valkey, the tables."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def own_installation() -> Iterator[None]:
    """Set up Django on it; all is gone afterwards. The settings are read here, so that nothing of ours may be imported before."""
    with tempfile.TemporaryDirectory(prefix="isocost-bench-") as home_path:
        os.environ |= {"ISOCOST_HOME": home_path, "DJANGO_SETTINGS_MODULE": "webapp.settings", "ISOCOST_TESTING": "1"}
        from webapp.ops.home import Home
        from webapp.ops.postgres import EmbeddedPostgres
        from webapp.ops.valkey import EmbeddedValkey

        home = Home.from_environ().ensure()
        postgres, valkey = EmbeddedPostgres(home=home), EmbeddedValkey(home=home)
        postgres.start()
        valkey.start()
        try:
            postgres.create_database()
            import django

            django.setup()
            from django.core.management import call_command

            call_command("migrate", verbosity=0)
            yield
        finally:
            valkey.stop()
            postgres.stop()


def a_run() -> tuple[Any, Any]:
    """Return a team with its project, and a run that waits in the queue."""
    from tests.factories import make_team
    from tests.webapp.runs.rows import make_run

    cast = make_team()
    return cast, make_run(cast, state="queued")
