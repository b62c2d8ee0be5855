"""Doorbells: "something new about job 17". They say nothing else and may be lost; PostgreSQL has what they announce.

To browsers they go over the channel layer, from a thread with its own event loop, so that no caller ever waits for
Valkey. To the supervisor of a running job they go through PostgreSQL's NOTIFY, which rings at commit.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import threading
from typing import Any

from channels.layers import get_channel_layer
from django.db import connection, transaction

log = logging.getLogger(__name__)
RING_SECONDS = 5.0
"""A ring that takes longer is given up."""
CLOSE_SECONDS = 2.0
"""A process that ends waits so long for rings that are on their way."""


def job_group(job_id: int) -> str:
    """Return the channel group of a job."""
    return f"job.{job_id}"


def supervisor_channel(job_id: int) -> str:
    """Return the PostgreSQL channel on which the supervisor of a job listens."""
    return f"isocost_job_{int(job_id)}"


def ring_job_on_commit(job_id: int) -> None:
    """Tell browsers, once this transaction is committed, that the job has something new."""
    transaction.on_commit(lambda: ring(job_group(job_id), {"type": "job.news"}))


def notify_supervisor(job_id: int) -> None:
    """Tell the supervisor of a job, at commit, to look at its row now rather than at the next renewal."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, '')", [supervisor_channel(job_id)])


def ring(group: str, message: dict[str, Any]) -> None:
    """Send the message to the group soon; return at once and never fail."""
    _bell.ring(group, message)


class _Bell:
    """Sends to groups from a thread of its own; a group that waits already is not queued again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._waiting: set[str] = set()

    def ring(self, group: str, message: dict[str, Any]) -> None:
        with self._lock:
            if self._loop is None:
                self._start()
            if group in self._waiting:
                return
            self._waiting.add(group)
            loop = self._loop
        assert loop is not None
        asyncio.run_coroutine_threadsafe(self._send(group, message), loop)

    def _start(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="doorbell", daemon=True)
        self._thread.start()
        # A thread that still runs when the interpreter goes is cut off inside whatever it calls, which can abort a
        # command that has done its work; and what a short command rings is heard only if the ring goes out before.
        atexit.register(self.close)

    def close(self) -> None:
        """Let the rings on their way go out, and end the thread."""
        if self._loop is None or self._thread is None or not self._thread.is_alive():
            return
        asyncio.run_coroutine_threadsafe(self._finish(), self._loop)
        self._thread.join(CLOSE_SECONDS + 1)

    async def _finish(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            await asyncio.wait(others, timeout=CLOSE_SECONDS)
        asyncio.get_running_loop().stop()

    async def _send(self, group: str, message: dict[str, Any]) -> None:
        with self._lock:  # before sending: what is committed from here on needs a ring of its own
            self._waiting.discard(group)
        layer = get_channel_layer()
        if layer is None:
            return
        try:
            await asyncio.wait_for(layer.group_send(group, message), RING_SECONDS)
        except Exception as error:
            log.info("the doorbell of %s did not ring: %s", group, error)


_bell = _Bell()
