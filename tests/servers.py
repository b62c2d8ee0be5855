"""Pytest plugin: a PostgreSQL and a Valkey of this test session's own, on a home of its own in the temp folder.

Loaded by `-p tests.servers`, before pytest-django reads the settings, which read the home from the environment. The
servers start when the first test that needs them is selected, so that the others do not wait; xdist workers share
their controller's. They are stopped at the end, on Ctrl-C and on SIGTERM; the next session clears what a SIGKILL left.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import psutil
import pytest

from webapp.ops.home import Home
from webapp.ops.postgres import WITHOUT_DURABILITY, EmbeddedPostgres
from webapp.ops.valkey import EmbeddedValkey

PREFIX = "isocost-test-"
OWNER = "ISOCOST_TEST_OWNER"
DATABASE_FIXTURES = {"db", "transactional_db", "django_db_setup", "django_db_serialized_rollback", "live_server"}
FOLDERS_WITH_SERVERS = ("webapp", "browser")


def is_xdist_worker() -> bool:
    """Return whether this process is one of several that share a controller's servers."""
    return "PYTEST_XDIST_WORKER" in os.environ


def _choose_home() -> None:
    """Point the settings at a home of this session's own; nothing starts yet."""
    for name in ("HOST", "PORT", "ISOCOST_URL", "ISOCOST_HOME"):
        os.environ.pop(name, None)
    place = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir="/tmp")).resolve()
    os.environ |= {OWNER: str(os.getpid()), "ISOCOST_HOME": str(place), "ISOCOST_TESTING": "1", "ISOCOST_DEMO": "0"}
    Home.from_environ().ensure()


def _servers(home: Home) -> tuple[EmbeddedPostgres, EmbeddedValkey]:
    return EmbeddedPostgres(home=home, extra_settings=WITHOUT_DURABILITY), EmbeddedValkey(home=home)


def servers_start() -> None:
    """Start both servers, unless another process of this session did."""
    home = Home.from_environ()
    with (home.path / "servers.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        postgres, valkey = _servers(home)
        if home.embedded_postgres and not postgres.is_ready():
            postgres.start()
        if home.embedded_valkey and not valkey.is_ready():
            valkey.start()


def servers_stop() -> None:
    """Stop both servers and remove the home."""
    home = Home.from_environ()
    if home.servers.exists():
        postgres, valkey = _servers(home)
        valkey.stop()
        postgres.stop(grace_seconds=5)
    shutil.rmtree(home.path, ignore_errors=True)
    if home.path not in home.run.parents:
        shutil.rmtree(home.run, ignore_errors=True)


def _clear_homes_of_killed_sessions() -> None:
    """End the servers of sessions whose process is gone: nobody else will."""
    for place in Path("/tmp").glob(f"{PREFIX}*-*"):
        owner = place.name.removeprefix(PREFIX).partition("-")[0]
        with contextlib.suppress(OSError):
            if place.stat().st_uid != os.geteuid() or (owner.isdigit() and psutil.pid_exists(int(owner))):
                continue
            home = Home.from_environ({"ISOCOST_HOME": str(place)})
            for server in _servers(home):
                server.end_leftovers()
            shutil.rmtree(place, ignore_errors=True)


def needs_servers(item: pytest.Item) -> bool:
    """Return whether a test reads the database or the message board."""
    if item.get_closest_marker("django_db") or DATABASE_FIXTURES & set(getattr(item, "fixturenames", ())):
        return True
    parts = item.path.relative_to(item.config.rootpath).parts
    return len(parts) > 1 and parts[0] == "tests" and parts[1] in FOLDERS_WITH_SERVERS


def pytest_collection_finish(session: pytest.Session) -> None:
    """Start the servers once it is known that a selected test needs them."""
    if not session.config.option.collectonly and any(needs_servers(item) for item in session.items):
        servers_start()


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """Stop the servers when everything else is done; the workers of xdist leave it to their controller."""
    if os.environ.get(OWNER) == str(os.getpid()):
        servers_stop()


def _on_terminate(number: int, frame: FrameType | None) -> None:
    """End the session in order, so that fixtures stop what they started; on a second signal die at once."""
    signal.signal(number, _on_second_terminate)
    pytest.exit("ended by a signal", returncode=128 + number)


def _on_second_terminate(number: int, frame: FrameType | None) -> None:
    servers_stop()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


@contextlib.contextmanager
def servers_of(home: Home) -> Iterator[tuple[EmbeddedPostgres, EmbeddedValkey]]:
    """Run both servers on another home for the length of a `with`."""
    postgres, valkey = _servers(home)
    try:
        postgres.start()
        valkey.start()
        yield postgres, valkey
    finally:
        valkey.stop()
        postgres.stop(grace_seconds=5)


if not is_xdist_worker():
    _clear_homes_of_killed_sessions()
    _choose_home()
    signal.signal(signal.SIGTERM, _on_terminate)
