"""Which requests write to which upload in this process, so that a client that comes back need not wait for a dead line.

A connection that broke without a word looks alive for minutes. A client that asks for its upload's offset, or sends its
next part, is proof enough that the earlier request is over: it is told to end.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

WAIT_SECONDS = 5.0


class ActiveRequest:
    """One PATCH under way. `told_to_end` is seen by its reading loop."""

    def __init__(self) -> None:
        self.told_to_end = asyncio.Event()
        self.ended = threading.Event()
        self._loop = asyncio.get_running_loop()

    def tell_to_end(self) -> None:
        self._loop.call_soon_threadsafe(self.told_to_end.set)


_active: dict[str, ActiveRequest] = {}
_lock = threading.Lock()


@contextmanager
def registered(code: str) -> Iterator[ActiveRequest]:
    """Be the request that writes to upload `code` until the block ends."""
    request = ActiveRequest()
    with _lock:
        _active[code] = request
    try:
        yield request
    finally:
        with _lock:
            if _active.get(code) is request:
                del _active[code]
        request.ended.set()


def end_active(code: str) -> None:
    """Tell the request that writes to upload `code` to end, and wait until it has. Blocking; call it from a thread."""
    with _lock:
        request = _active.get(code)
    if request is None:
        return
    deadline = time.monotonic() + WAIT_SECONDS
    request.tell_to_end()
    request.ended.wait(max(0.0, deadline - time.monotonic()))
