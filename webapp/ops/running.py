"""Who runs this home: a lock that one `up` holds, a note of what it runs, and the leftovers of one that was killed."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import signal
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

import psutil

from webapp.ops.home import CHECKOUT, Home
from webapp.ops.processes import ProcessNote, processes_end

MARK = "ISOCOST_SUPERVISOR"
"""In the environment of every process that `up` starts, and of theirs: the home they work for."""
CODE_FOLDERS = ("webapp", "trainer", "economics", "templates", "static")


@dataclass(frozen=True, kw_only=True, slots=True)
class Running:
    """What the running `up` says of itself."""

    pid: int
    created: float
    url: str = ""
    port: int = 0
    code: str = ""
    ready: bool = False
    services: dict[str, int] = field(default_factory=dict)
    """Process ids by the names of the services."""

    @property
    def process(self) -> psutil.Process | None:
        """Return its process, None if it is gone."""
        return ProcessNote(pid=self.pid, created=self.created).find()


class HomeLock:
    """Held by the one `up` of a home; the kernel lets go of it when that process ends, however it ends."""

    def __init__(self, home: Home) -> None:
        self.place = home.path / "up.lock"
        self.stream: IO[bytes] | None = None

    def take(self) -> bool:
        """Try to take the lock; False means that another `up` runs."""
        stream = self.place.open("ab")
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.close()
            return False
        self.stream = stream
        return True

    def take_within(self, timeout_seconds: float) -> bool:
        """Try to take the lock until the time is over."""
        deadline = time.monotonic() + timeout_seconds
        while not self.take():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        return True

    def release(self) -> None:
        """Let go of the lock."""
        if self.stream:
            self.stream.close()
            self.stream = None


def running_place(home: Home) -> Path:
    """Return where the note of the running `up` lies."""
    return home.path / "up.json"


def running_write(home: Home, running: Running) -> None:
    """Write the note, whole or not at all."""
    draft = running_place(home).with_suffix(".new")
    draft.write_text(json.dumps(asdict(running), indent=1), encoding="utf-8")
    draft.replace(running_place(home))


def running_read(home: Home) -> Running | None:
    """Return the note of an `up` that is alive, else None."""
    try:
        running = Running(**json.loads(running_place(home).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return running if running.process else None


def leftovers(home: Home) -> list[psutil.Process]:
    """Return processes that an `up` of this home started and that are not ours: it was killed before it could stop them."""
    mine = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found = []
    for process in psutil.process_iter():
        if process.pid in mine:
            continue
        with contextlib.suppress(psutil.Error, OSError):
            if process.uids().real == os.geteuid() and process.environ().get(MARK) == str(home.path):
                found.append(process)
    return found


def leftovers_end(home: Home, *, grace_seconds: float = 5.0) -> int:
    """End the leftovers and return how many there were."""
    found = leftovers(home)
    processes_end(found, signal_first=signal.SIGTERM, grace_seconds=grace_seconds)
    return len(found)


def code_version() -> str:
    """Return a short hash of the code as it lies on disk: it changes with every pull and every edit."""
    digest = hashlib.sha256()
    for folder in CODE_FOLDERS:
        for place in sorted((CHECKOUT / folder).rglob("*")):
            if place.suffix in {".py", ".html", ".js", ".css"} and "__pycache__" not in place.parts:
                found = place.stat()
                digest.update(f"{place.relative_to(CHECKOUT)} {found.st_size} {found.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:12]
