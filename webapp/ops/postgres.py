"""The embedded PostgreSQL: made, started, found healthy, stopped, and brought back after any kind of kill."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg

from webapp.ops.binaries import postgres_folder
from webapp.ops.home import DATABASE_NAME, DATABASE_USER, Home, HomeError
from webapp.ops.identity import ServerUser, account_name, check_reachable, server_user
from webapp.ops.processes import log_tail, process_start, processes_end, processes_in, wait_until

MAJOR_VERSION = "18"
SOCKET_NAME = ".s.PGSQL.5432"
CRASH_RECOVERY_SECONDS = 600.0
SETTINGS: Mapping[str, str] = {
    "listen_addresses": "''",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "'128MB'",
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
    "log_line_prefix": "'%m [%p] '",
    "log_checkpoints": "off",
}
WITHOUT_DURABILITY: Mapping[str, str] = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""For tests alone: quick, and lost at a power cut."""


@dataclass(kw_only=True)
class EmbeddedPostgres:
    """One PostgreSQL of one home."""

    home: Home
    extra_settings: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        """The database cluster's folder."""
        return self.home.servers / "postgres"

    @property
    def log(self) -> Path:
        """Where the server writes what it has to say."""
        return self.home.logs / "postgres.log"

    @property
    def user(self) -> ServerUser | None:
        """Who runs the server; None means ourselves."""
        return server_user(self.data)

    def start(self) -> subprocess.Popen[bytes]:
        """Start the server, made first if need be, and return once it takes connections."""
        self.prepare()
        self.spawn()
        self.wait_ready()
        self.create_database()
        assert self.process is not None
        return self.process

    def prepare(self) -> None:
        """Make what is missing and clear what a killed server left."""
        user = self.user
        for folder in (self.home.servers, self.home.server_sockets):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if user:
                os.chown(folder, user.uid, user.gid)
                check_reachable(folder, user)
        self.end_leftovers()
        if not self.data.exists():
            self._initialise(user)
        found = (self.data / "PG_VERSION").read_text(encoding="ascii").strip()
        if found != MAJOR_VERSION:
            raise HomeError(
                f"The database in {self.data} was made by PostgreSQL {found}; this version runs {MAJOR_VERSION}. "
                "Dump it with the old version and restore it with this one: see docs/operating.md."
            )
        self._configure(user)

    def spawn(self) -> subprocess.Popen[bytes]:
        """Start the server process."""
        program = postgres_folder(self.home) / "bin" / "postgres"
        self.process = process_start(
            [program, "-D", self.data], log=self.log, env=server_environment(), cwd=self.data, user=self.user
        )
        return self.process

    def is_ready(self) -> bool:
        """Return whether the server says that it takes connections."""
        try:
            lines = (self.data / "postmaster.pid").read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return False
        if len(lines) < 8:
            return False  # still being written
        mine = self.process is None or lines[0].strip() == str(self.process.pid)
        return mine and lines[7].strip() == "ready"

    def wait_ready(self) -> None:
        """Wait until the server takes connections; a crashed database may need minutes to replay its log."""
        process = self.process
        assert process is not None
        wait_until(lambda: self.is_ready() or process.poll() is not None, timeout_seconds=CRASH_RECOVERY_SECONDS)
        if process.poll() is not None or not self.is_ready():
            raise HomeError(f"PostgreSQL did not start. The end of {self.log}:\n{log_tail(self.log)}")

    def create_database(self) -> None:
        """Create the product's database if it is missing."""
        with self.connect("postgres") as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE_NAME]).fetchone()
            if known is None:
                with contextlib.suppress(psycopg.errors.DuplicateDatabase):
                    connection.execute(f"CREATE DATABASE {DATABASE_NAME}")

    def connect(self, database: str = DATABASE_NAME) -> psycopg.Connection:
        """Return a connection of our own."""
        return psycopg.connect(
            host=str(self.home.server_sockets), dbname=database, user=DATABASE_USER, autocommit=True, connect_timeout=10
        )

    def stop(self, *, grace_seconds: float = 30.0) -> None:
        """Stop the server in order: sessions are ended, the log is written out."""
        process = self.process
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(grace_seconds)
        self.process = None
        self.end_leftovers(grace_seconds=grace_seconds)

    def end_leftovers(self, *, grace_seconds: float = 20.0) -> None:
        """End every server process that works on our data, then forget what their pid and socket files claim."""
        found = processes_in(self.data, name="postgres")
        mothers = [process for process in found if self._is_postmaster(process)]
        processes_end(mothers, signal_first=signal.SIGINT, grace_seconds=grace_seconds)
        # Backends whose postmaster was killed still hold its shared memory, which stops a new one from starting.
        processes_end(processes_in(self.data, name="postgres"), grace_seconds=3)
        for stale in (
            self.data / "postmaster.pid",
            self.home.server_sockets / SOCKET_NAME,
            self.home.server_sockets / f"{SOCKET_NAME}.lock",
        ):
            stale.unlink(missing_ok=True)

    def _is_postmaster(self, process: psutil.Process) -> bool:
        with contextlib.suppress(psutil.Error):
            return "-D" in process.cmdline()
        return False

    def _initialise(self, user: ServerUser | None) -> None:
        draft = self.home.servers / "postgres.new"
        shutil.rmtree(draft, ignore_errors=True)
        program = postgres_folder(self.home) / "bin" / "initdb"
        try:
            subprocess.run(
                [
                    *(program, "-D", draft, "-U", DATABASE_USER, "--encoding=UTF8"),
                    *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
                    *("--auth-local=peer", "--auth-host=reject", "--no-instructions", "--no-sync"),
                ],
                check=True,
                capture_output=True,
                text=True,
                errors="replace",
                env=server_environment(),
                cwd=self.home.servers,
                umask=0o077,
                user=user.uid if user else None,
                group=user.gid if user else None,
                extra_groups=[] if user else None,
            )
        except subprocess.CalledProcessError as error:
            raise HomeError(
                f"PostgreSQL's data could not be made in {draft}:\n{error.stderr or error.stdout}"
            ) from error
        if "fsync" not in self.extra_settings:
            os.sync()
        draft.rename(self.data)

    def _configure(self, user: ServerUser | None) -> None:
        """Write the server's settings; `local.conf` beside them is the operator's own and comes last."""
        sockets = str(self.home.server_sockets).replace("'", "''")
        values = {**SETTINGS, "unix_socket_directories": f"'\"{sockets}\"'", **self.extra_settings}
        lines = ["# Written at every start; put your own settings into local.conf in this folder."]
        lines += [f"{name} = {value}" for name, value in values.items()]
        lines += ["include_if_exists = 'local.conf'", ""]
        _replace(self.data / "postgresql.conf", "\n".join(lines), user)
        _replace(self.data / "pg_hba.conf", f"local all {DATABASE_USER} peer map=isocost\n", user)
        names = {account_name(), *([user.name] if user else [])}
        _replace(
            self.data / "pg_ident.conf", "".join(f'isocost "{name}" {DATABASE_USER}\n' for name in sorted(names)), user
        )


def _replace(place: Path, text: str, user: ServerUser | None) -> None:
    draft = place.with_name(f"{place.name}.new")
    draft.write_text(text, encoding="utf-8")
    draft.chmod(0o600)
    if user:
        os.chown(draft, user.uid, user.gid)
    draft.replace(place)


def server_environment() -> dict[str, str]:
    """Return a small environment: nothing of PG*, so that no variable of the user's shell reaches the server."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
