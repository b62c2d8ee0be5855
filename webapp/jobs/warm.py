"""Trainers that start at once: a process with PyTorch loaded is kept while jobs follow one another (see trainer.warm).

It belongs to this worker process, is started by the first job that can use it, and ends by itself when no job came for
`ISOCOST_WARM_SECONDS`; where the trainer's files have changed, another takes its place. What is got from it is used like
any other process. Whatever goes wrong with it, the trainer is started the plain way.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

from django.conf import settings

from trainer.code_version import code_as_it_lies
from webapp.jobs import machine

log = logging.getLogger(__name__)
PLAIN_COMMAND = [sys.executable, "-m", "trainer"]
ROOM_FOR_COMMAND = " " * 1_000
"""Where the command of a job is put, for lists of processes."""

READY_SECONDS = 300.0
"""PyTorch takes a few seconds to load; beside much other work, at the niceness of a trainer, far more."""

NUM_TRIES = 2
"""The process may just have gone for want of work."""


class WarmTrainer:
    """A trainer that was forked for us: used as a `subprocess.Popen` is."""

    def __init__(self, pid: int, told: socket.socket, standard_input: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.stdin = os.fdopen(standard_input, "wb")
        self._told = told

    def poll(self) -> int | None:
        """Return the exit code, None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code when it has ended; raise `subprocess.TimeoutExpired`."""
        if self.returncode is None:
            self._told.settimeout(timeout)
            try:
                said = self._told.recv(32)
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired("trainer", timeout or 0.0) from None
            except OSError:
                said = b""
            if not said:  # its parent was killed: nobody can tell how it goes on, so it does not
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self.pid, signal.SIGKILL)
            self.returncode = int(said) if said else -signal.SIGKILL
            self._told.close()
        return self.returncode


class WarmParent:
    """The process that trainers are forked from, started when it is first asked for one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._orders: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._code = ""  # that the process has loaded

    def trainer(self, command: list[str], log_path: Path) -> WarmTrainer | None:
        """Return a trainer that does the command; None where it cannot be had in this way."""
        if not is_possible() or command[:3] != PLAIN_COMMAND:
            return None
        for _ in range(NUM_TRIES):
            try:
                return self._order(command[3:], log_path)
            except TimeoutError:
                log.warning("no warm trainer within %g s; started the plain way", READY_SECONDS)
                self.end(kill=True)
                return None
            except OSError as error:
                log.info("no warm trainer (%s), tried anew", error)
                self.end()
        return None

    def _order(self, arguments: list[str], log_path: Path) -> WarmTrainer:
        """Order a trainer and wait until it is there; raise `OSError` where it does not come."""
        told, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        read, write = os.pipe()
        try:
            with theirs, os.fdopen(read, "rb"), open(log_path, "ab") as output:
                descriptors = [read, output.fileno(), theirs.fileno()]
                with self._lock:
                    self._leave_old_code()
                    orders = self._orders or self._start(log_path)
                    socket.send_fds(orders, [json.dumps(arguments).encode()], descriptors)
            told.settimeout(READY_SECONDS)
            if not (pid := told.recv(32)):
                raise ConnectionResetError("it has just ended")
        except BaseException:
            os.close(write)
            told.close()
            raise
        return WarmTrainer(int(pid), told, write)

    def _leave_old_code(self) -> None:
        """Order nothing of a process whose files were changed since: what it loads later would not fit what it has."""
        code = code_as_it_lies(settings.BASE_DIR / "trainer")
        if self._orders is not None and code != self._code:
            log.info("the trainer's code has changed; a new warm process is started")
            self._orders.close()
            self._orders = self._process = None
        self._code = code

    def _start(self, log_path: Path) -> socket.socket:
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [*PLAIN_COMMAND, "warm", str(settings.ISOCOST_WARM_SECONDS), ROOM_FOR_COMMAND]
        with theirs:
            self._process = machine.process_start(
                command, folder=settings.BASE_DIR, log=log_path, standard_input=theirs.fileno()
            )
        threading.Thread(target=self._process.wait, name="warm", daemon=True).start()  # no zombie stays of it
        return self._orders

    def end(self, *, kill: bool = False) -> None:
        """Order nothing more of the process. It ends with its last trainer, or at once with all of them."""
        with self._lock:
            if self._orders is not None:
                self._orders.close()
            if kill and self._process is not None:
                machine.group_signal(self._process, signal.SIGKILL)
            self._orders = self._process = None


def is_possible() -> bool:
    """Say whether this system can: Linux, from 5.3 on."""
    return hasattr(os, "pidfd_open") and settings.ISOCOST_WARM_SECONDS > 0


warm_parent = WarmParent()
