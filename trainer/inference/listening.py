"""The socket of `python -m trainer serve`, before there is anything to answer with. Imports no torch.

A process that nobody has asked anything yet holds the socket and little else: torch and the models come with the first
caller, who waits for them once.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from trainer.errors import InputError

MAX_WAITING = 100
"""Callers in line while torch is loaded."""


@contextlib.contextmanager
def listening(path: Path) -> Iterator[socket.socket]:
    """Listen at a path, which nobody else may enter and which is gone afterwards."""
    take_place(path)
    with socket.socket(socket.AF_UNIX) as opened:
        before = os.umask(0o177)  # the socket is born with mode 0600
        try:
            opened.bind(str(path))
        finally:
            os.umask(before)
        opened.listen(MAX_WAITING)
        try:
            yield opened
        finally:
            path.unlink(missing_ok=True)


def take_place(path: Path) -> None:
    """Remove what a killed process left at the socket's path; refuse where a live one answers."""
    with socket.socket(socket.AF_UNIX) as other:
        try:
            other.connect(str(path))
        except OSError:
            path.unlink(missing_ok=True)
            return
    raise InputError(f"another process answers at {path} already; stop it, or choose another --socket")


def wait_for_caller(opened: socket.socket) -> None:
    """Return when somebody connects."""
    select.select([opened], [], [])


def end_in_order() -> None:
    """From here on SIGTERM and SIGINT unwind what is open and end the process, until somebody else takes them over."""

    def end(number: int, frame: FrameType | None) -> None:
        sys.exit(0)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)


def end_with_supervisor() -> None:
    """End at once when standard input closes: whoever started this process is gone."""

    def wait() -> None:
        while sys.stdin.buffer.read(1):
            pass
        os._exit(1)

    threading.Thread(target=wait, name="supervisor", daemon=True).start()
