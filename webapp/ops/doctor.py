"""What is wrong, and what to do: one line a finding. Looks, and changes nothing."""

from __future__ import annotations

import os
import re
import shutil
import socket
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil
import redis
from django.conf import settings
from django.db import DatabaseError, connection

from trainer.amounts import amount
from webapp.ops.accelerators import accelerators
from webapp.ops.backup import backups
from webapp.ops.database import migrations_missing, migrations_unknown
from webapp.ops.home import CHECKOUT, Home
from webapp.ops.listening import Address
from webapp.ops.running import leftovers, running_read

GB = 10**9
LITTLE_DISK_BYTES = 5 * GB
TOO_LITTLE_DISK_BYTES = 1 * GB


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One line."""

    level: str
    """`ok`, `look` (works, but) or `wrong`."""

    text: str
    """What was found; unless it is `ok`, also what to do."""


def ok(text: str) -> Finding:
    """Return a finding that needs nothing."""
    return Finding(level="ok", text=text)


def look(text: str) -> Finding:
    """Return a finding that one should know of."""
    return Finding(level="look", text=text)


def wrong(text: str) -> Finding:
    """Return a finding that must be put right."""
    return Finding(level="wrong", text=text)


def examine(home: Home) -> Iterator[Finding]:
    """Return every finding; a check that fails itself is a finding too."""
    for check in CHECKS:
        try:
            yield from check(home)
        except (OSError, DatabaseError, redis.RedisError, psutil.Error, ValueError) as error:
            yield wrong(f"{check.__name__.replace('_', ' ')} could not be looked at: {error}")


def versions(home: Home) -> Iterator[Finding]:
    """Python, the locked packages, torch, a compiler."""
    yield ok(f"Python {sys.version.split()[0]}")
    differ = [
        f"{name} {installed} instead of {' or '.join(sorted(wanted))}"
        for name, wanted in _locked_versions().items()
        if (installed := _installed_version(name)) and installed not in wanted
    ]
    if differ:
        yield wrong(f"{len(differ)} packages differ from the lock ({', '.join(differ[:3])}). Run `make setup`.")
    else:
        yield ok("the packages are those of the lock")
    try:
        yield ok(f"torch {version('torch')}")
    except PackageNotFoundError:
        yield wrong("torch is not installed. Run `make setup`.")
    yield ok(f"{len(accelerators())} accelerators" if accelerators() else "no accelerator: training uses the processor")
    if accelerators() and _installed_version("torch").endswith("+cpu"):
        yield look("an accelerator is here, but torch is the processor's alone. Run `rm .venv/.torch-* && make setup`.")
    if not any(shutil.which(name) for name in ("c++", "g++", "clang++")):
        yield look("no C++ compiler: training runs without torch.compile, which is slower. Install g++ or clang.")


def _locked_versions() -> dict[str, set[str]]:
    """Return the versions that the lock names; a package has several where they differ by Python or system."""
    locked: dict[str, set[str]] = {}
    text = (CHECKOUT / "requirements.lock").read_text(encoding="utf-8")
    for name, wanted in re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", text, re.MULTILINE):
        locked.setdefault(name, set()).add(wanted)
    return locked


def _installed_version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""  # locked for another system


def home_and_permissions(home: Home) -> Iterator[Finding]:
    """The home is ours, nobody else may write to it, the secret is private."""
    if not home.path.exists():
        yield look(f"{home.path} does not exist yet; `make run` makes it.")
        return
    found = home.path.stat()
    if found.st_uid != os.geteuid():
        yield wrong(f"{home.path} belongs to user id {found.st_uid}, you are {os.geteuid()}. Start as its owner.")
    elif found.st_mode & 0o022:
        yield wrong(f"others may write to {home.path}. Run `chmod go-w '{home.path}'`.")
    else:
        yield ok(f"the home is {home.path}")
    secret = home.path / "secret_key"
    if secret.exists() and stat.S_IMODE(secret.stat().st_mode) & 0o077:
        yield wrong(f"others may read {secret}. Run `chmod 600 '{secret}'`, and delete it if it may have been seen.")
    if home.files.exists() and stat.S_IMODE(home.files.stat().st_mode) & 0o077:
        yield wrong(f"others may look into {home.files}. Run `chmod 700 '{home.files}'`.")


def disk(home: Home) -> Iterator[Finding]:
    """There is room for checkpoints and for the database."""
    place = next(folder for folder in [home.path, *home.path.parents] if folder.exists())
    free_bytes = shutil.disk_usage(place).free
    text = f"{free_bytes / GB:.1f} GB free at {place}"
    if free_bytes < TOO_LITTLE_DISK_BYTES:
        yield wrong(f"{text}: the database may stop. Delete checkpoints that are not needed, or move the home.")
    elif free_bytes < LITTLE_DISK_BYTES:
        yield look(f"{text}: little for checkpoints. Free some under Files, or set ISOCOST_HOME to a larger disk.")
    else:
        yield ok(text)
    if found := backups(home):
        yield ok(f"{len(found)} backups from before migrations, the newest {found[-1].name}")


def processes(home: Home) -> Iterator[Finding]:
    """Whether `up` runs, and everything that it should run."""
    running = running_read(home)
    if running is None:
        if num := len(leftovers(home)):
            left = amount(num, "process", "processes")
            yield look(f"Isocost does not run, but of a killed run {left} can be found; `make run` ends them.")
        else:
            yield ok("Isocost does not run; `make run` starts it")
        return
    yield ok(f"Isocost runs at {running.url} (process {running.pid})")
    for name, pid in running.services.items():
        if not psutil.pid_exists(pid):
            yield wrong(f"{name} does not run; its last words are in {home.logs / f'{name}.log'}.")


def port(home: Home) -> Iterator[Finding]:
    """The port is free, or ours."""
    if running_read(home):
        return
    address = Address.from_environ({**os.environ, "ISOCOST_INSECURE": "1"})
    host = "127.0.0.1" if address.host == "localhost" else address.host
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, address.port))
            yield ok(f"port {address.port} is free")
        except OSError as error:
            yield look(f"port {address.port} on {host}: {error.strerror}. `make run` takes the next one that is free.")


def database(home: Home) -> Iterator[Finding]:
    """PostgreSQL answers, and its tables are those of the code."""
    if home.embedded_postgres and running_read(home) is None:
        return
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        yield ok(f"PostgreSQL {cursor.fetchone()[0]} answers")
    if unknown := migrations_unknown():
        yield wrong(f"the database is newer than the code ({unknown[0]}). Update the code: `git pull`.")
    elif missing := migrations_missing():
        yield look(f"{len(missing)} migrations wait ({missing[0]}); `make run` applies them and keeps a backup.")
    else:
        yield from workers_and_leases()


def workers_and_leases() -> Iterator[Finding]:
    """Every queue that has work has a worker, and no lease has lapsed unseen."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT queue, count(*) FROM jobs_job WHERE state = 'queued' AND queue NOT IN
               (SELECT queue FROM jobs_worker WHERE stopped_at IS NULL AND seen_at > now() - %s * interval '1 second')
               GROUP BY queue""",
            [3 * settings.ISOCOST_LEASE_SECONDS],
        )
        for queue, num in cursor.fetchall():
            yield wrong(
                f"Nobody takes the queue {queue}, in which {amount(num, 'job')} must wait. See the worker's log."
            )
        cursor.execute("SELECT count(*), count(*) FILTER (WHERE until < now() - interval '2 minutes') FROM jobs_lease")
        num, num_lapsed = cursor.fetchone()
    if num_lapsed:
        yield wrong(
            f"Nobody took back {amount(num_lapsed, 'job')} whose lease lapsed over 2 minutes ago. Start `make run`."
        )
    else:
        yield ok(f"{amount(num, 'job')} at work; no lease has lapsed")


def message_board(home: Home) -> Iterator[Finding]:
    """Valkey answers and never drops a message to make room."""
    if home.embedded_valkey and running_read(home) is None:
        return
    with redis.from_url(home.redis_url, socket_timeout=5) as client:
        yield ok(f"Valkey or Redis {client.info('server').get('redis_version')} answers")
        try:
            policy = client.config_get("maxmemory-policy").get("maxmemory-policy")
        except redis.RedisError:
            return  # a hosted server may hide its settings
    if policy != "noeviction":
        yield wrong(f"its maxmemory-policy is {policy}: messages may vanish. Set it to noeviction.")


def checkout(home: Home) -> Iterator[Finding]:
    """Nothing in the checkout may be changed by others: it is code that we run."""
    open_places = [path for path in (CHECKOUT, Path(settings.BASE_DIR) / "manage.py") if path.stat().st_mode & 0o002]
    for place in open_places:
        yield wrong(f"anybody may change {place}. Run `chmod o-w '{place}'`.")


CHECKS: tuple[Callable[[Home], Iterator[Finding]], ...] = (
    versions,
    home_and_permissions,
    checkout,
    disk,
    port,
    processes,
    database,
    message_board,
)
