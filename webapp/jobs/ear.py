"""Hearing the doorbell of a job in the web process, without missing a ring while one is busy with the last.

A channel is subscribed once and listened to by a task of its own: waiting for a message with a time limit would
unsubscribe at each end of the limit, and what is rung in between would be lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging

from channels.layers import get_channel_layer

from webapp.jobs.doorbell import job_group

log = logging.getLogger(__name__)
REJOIN_SECONDS = 3600.0
"""A group forgets its members after a day; jobs run longer."""
RETRY_SECONDS = 1.0
SUBSCRIBED_SECONDS = (0.2, 1.0, 3.0)
"""Valkey is not waited for when a group is joined: what was rung meanwhile is found by looking again so much later."""


class JobEar:
    """Listens for one job's doorbell from its making until `close`."""

    def __init__(self, job_id: int) -> None:
        self.job_id = job_id
        self._rang = asyncio.Event()
        self._task = asyncio.create_task(self._listen(), name=f"doorbell-{job_id}")

    def close(self) -> None:
        self._task.cancel()

    def forget(self) -> None:
        """Say that all that was rung so far is about to be looked at."""
        self._rang.clear()

    async def wait(self, at_most_seconds: float) -> None:
        """Return when it rings, at once if it rang since `forget`, or when the time is over."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._rang.wait(), at_most_seconds)

    async def _listen(self) -> None:
        """Note each ring. While Valkey is away, have the database looked at every second instead."""
        while True:
            try:
                await self._listen_for(REJOIN_SECONDS)
            except Exception as error:
                log.info("no doorbell for job %s: %s", self.job_id, error)
                self._rang.set()
                await asyncio.sleep(RETRY_SECONDS)

    async def _listen_for(self, seconds: float) -> None:
        layer = get_channel_layer()
        assert layer is not None
        channel = await layer.new_channel()
        group = job_group(self.job_id)
        await layer.group_add(group, channel)
        self._rang.set()  # what was rung before we listened
        for seconds_later in SUBSCRIBED_SECONDS:
            asyncio.get_running_loop().call_later(seconds_later, self._rang.set)
        try:
            async with asyncio.timeout(seconds):
                while True:
                    await layer.receive(channel)
                    self._rang.set()
        except TimeoutError:
            return
        finally:
            with contextlib.suppress(Exception):
                await layer.group_discard(group, channel)
