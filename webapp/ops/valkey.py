"""The embedded Valkey: a message board, never the truth. It keeps nothing on disk and never drops a key to make room."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import redis

from webapp.ops.binaries import valkey_program
from webapp.ops.home import Home, HomeError
from webapp.ops.identity import ServerUser, check_reachable, server_user
from webapp.ops.postgres import server_environment
from webapp.ops.processes import log_tail, process_start, processes_end, processes_in, wait_until


@dataclass(kw_only=True)
class EmbeddedValkey:
    """One Valkey of one home."""

    home: Home
    process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        """The folder it works in, by which a leftover is known."""
        return self.home.servers / "valkey"

    @property
    def log(self) -> Path:
        """Where the server writes what it has to say."""
        return self.home.logs / "valkey.log"

    @property
    def user(self) -> ServerUser | None:
        """Who runs the server; None means ourselves."""
        return server_user(self.home.servers / "postgres" if self.home.embedded_postgres else self.data)

    def start(self) -> subprocess.Popen[bytes]:
        """Start the server and return once it answers."""
        self.prepare()
        self.spawn()
        self.wait_ready()
        assert self.process is not None
        return self.process

    def prepare(self) -> None:
        """Make what is missing and clear what a killed server left."""
        user = self.user
        for folder in (self.home.servers, self.home.server_sockets, self.data):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if user:
                os.chown(folder, user.uid, user.gid)
                check_reachable(folder, user)
        self.end_leftovers()

    def spawn(self) -> subprocess.Popen[bytes]:
        """Start the server process."""
        self.process = process_start(
            [
                *(valkey_program(self.home), "--port", "0", "--unixsocket", self.home.valkey_socket),
                *("--unixsocketperm", "700", "--save", "", "--appendonly", "no", "--daemonize", "no"),
                *("--maxmemory-policy", "noeviction", "--dir", self.data),
            ],
            log=self.log,
            env=server_environment(),
            cwd=self.data,
            user=self.user,
        )
        return self.process

    def is_ready(self) -> bool:
        """Return whether the server answers."""
        try:
            with redis.Redis(unix_socket_path=str(self.home.valkey_socket), socket_timeout=2) as client:
                return bool(client.ping())
        except (redis.RedisError, OSError):
            return False

    def wait_ready(self) -> None:
        """Wait until the server answers."""
        process = self.process
        assert process is not None
        wait_until(lambda: self.is_ready() or process.poll() is not None, timeout_seconds=20)
        if process.poll() is not None or not self.is_ready():
            raise HomeError(f"Valkey did not start. The end of {self.log}:\n{log_tail(self.log)}")

    def stop(self, *, grace_seconds: float = 10.0) -> None:
        """Stop the server."""
        process = self.process
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(grace_seconds)
        self.process = None
        self.end_leftovers()

    def end_leftovers(self) -> None:
        """End every Valkey that works in our folder, and remove its socket."""
        processes_end(processes_in(self.data, name="valkey"), grace_seconds=5)
        self.home.valkey_socket.unlink(missing_ok=True)
