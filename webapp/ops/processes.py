"""Processes: start one in a group of its own, know it again later, and end it with all it started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from webapp.ops.identity import ServerUser

CREATE_TIME_TOLERANCE_SECONDS = 2.0
"""A process's start is counted from the boot, whose own time shifts a little when the clock is set."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProcessNote:
    """A process as it was noted down; the start time tells our process from a stranger who got its number later."""

    pid: int
    created: float

    def find(self) -> psutil.Process | None:
        """Return the very process that the note was written for, or None if it is gone."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.created) <= CREATE_TIME_TOLERANCE_SECONDS
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.Error:
            return None


def process_start(
    argv: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    user: ServerUser | None = None,
    descriptors: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a process in a group of its own, so that Ctrl-C on the terminal reaches only who asked for it."""
    with open(log, "ab", opener=_open_private) as output:
        return subprocess.Popen(
            [str(part) for part in argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=None if env is None else dict(env),
            cwd=cwd,
            process_group=0,
            pass_fds=descriptors,
            umask=0o077,
            user=user.uid if user else None,
            group=user.gid if user else None,
            extra_groups=[] if user else None,
        )


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def processes_in(folder: Path, *, name: str) -> list[psutil.Process]:
    """Return the processes called `name...` that work in `folder`: how servers are found whose pid file lies."""
    found = []
    for process in psutil.process_iter(["name", "status"]):
        if not (process.info["name"] or "").startswith(name) or process.info["status"] == psutil.STATUS_ZOMBIE:
            continue
        with contextlib.suppress(psutil.Error, OSError):
            if Path(process.cwd()) == folder:
                found.append(process)
    return found


def family(process: psutil.Process) -> list[psutil.Process]:
    """Return a process, its descendants, and whoever is still in its group."""
    members = {process.pid: process}
    with contextlib.suppress(psutil.Error):
        members |= {child.pid: child for child in process.children(recursive=True)}
    for other in psutil.process_iter():
        with contextlib.suppress(OSError, psutil.Error):
            if os.getpgid(other.pid) == process.pid:
                members[other.pid] = other
    return list(members.values())


def processes_end(
    processes: Iterable[psutil.Process], *, signal_first: int = signal.SIGTERM, grace_seconds: float = 10.0
) -> None:
    """Ask every process to end, wait, then end the rest by force."""
    waiting = [process for process in processes if process.pid != os.getpid()]
    _send(waiting, signal_first)
    wait_until(lambda: not any(is_alive(process) for process in waiting), timeout_seconds=grace_seconds)
    waiting = [process for process in waiting if is_alive(process)]
    _send(waiting, signal.SIGKILL)
    wait_until(lambda: not any(is_alive(process) for process in waiting), timeout_seconds=10)


def is_alive(process: psutil.Process) -> bool:
    """Return whether a process runs; one that ended and waits to be fetched by its parent does not."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _send(processes: Iterable[psutil.Process], number: int) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.send_signal(number)


def wait_until(condition: Callable[[], object], *, timeout_seconds: float, poll_seconds: float = 0.02) -> bool:
    """Wait for `condition()` to become true; False when the time is over."""
    deadline = time.monotonic() + timeout_seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(poll_seconds)
    return bool(condition())


def log_tail(log: Path, *, num_lines: int = 12) -> str:
    """Return the last lines of a log, for a message."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - 8192))
            lines = stream.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(f"    {line}" for line in lines[-num_lines:])
