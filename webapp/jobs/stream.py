"""Live events in the web process: one reader per job fans out to all who watch it.

    async for news in follow(job_id, after=seq): ...

A watcher subscribes first and then reads what is behind `after`, so that nothing falls in between. The reader sleeps
until the doorbell rings, and looks by itself every few seconds in case a ring was lost. What a watcher has not
taken yet is not piled up: one that falls behind reads from the database again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from weakref import WeakKeyDictionary

from channels.db import DatabaseSyncToAsync

from webapp.jobs.ear import JobEar
from webapp.jobs.messages import News, job_news
from webapp.jobs.steady import LOST

log = logging.getLogger(__name__)
POLL_SECONDS = 10.0
RETRY_SECONDS = 1.0
MAX_WAITING = 64
"""News that wait for a slow watcher; more, and it reads from the database."""
_threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="stream")


async def read_news(job_id: int, after: int) -> News:
    """Read what is new, away from the event loop; waits while the database is away."""
    read = DatabaseSyncToAsync(job_news, thread_sensitive=False, executor=_threads)
    while True:
        try:
            news: News = await read(job_id, after=after)
            return news
        except LOST as error:
            log.warning("news of job %s wait, the database does not answer: %s", job_id, error)
            await asyncio.sleep(RETRY_SECONDS)


async def follow(job_id: int, *, after: int) -> AsyncIterator[News]:
    """Yield what is new about a job, from behind `after` on, until the job has ended and all is told."""
    reader = _Readers.of_this_loop().join(job_id)
    watcher = reader.watch()
    try:
        seen = after
        while True:
            watcher.clear()
            news = await read_news(job_id, seen)
            seen = news.last_seq
            yield news
            if not news.is_complete:
                continue
            if news.job["is_final"]:
                return
            async for news in watcher.live(seen):
                seen = news.last_seq
                yield news
                if news.job["is_final"] and news.is_complete:
                    return
    finally:
        reader.forget(watcher)


class Watcher:
    """One who watches a job: a short line of news not yet taken."""

    def __init__(self) -> None:
        self._line: asyncio.Queue[News] = asyncio.Queue()
        self._is_behind = False

    def clear(self) -> None:
        """Begin again: what comes from here on is news."""
        self._line = asyncio.Queue()
        self._is_behind = False

    def give(self, news: News) -> None:
        if self._line.qsize() >= MAX_WAITING:
            self._is_behind = True
        else:
            self._line.put_nowait(news)

    async def live(self, seen: int) -> AsyncIterator[News]:
        """Yield news as they come. Ends when some are missing: then the database has them."""
        while True:
            news = await self._line.get()
            # News without events say how far the reader was when it began: what lies before, it will never hand out.
            first_seq = news.events[0]["seq"] if news.events else news.last_seq + 1
            if self._is_behind or first_seq > seen + 1:
                return
            fresh = news.after(seen)
            seen = max(seen, fresh.last_seq)
            yield fresh


class Reader:
    """Reads one job for all who watch it in this event loop."""

    def __init__(self, job_id: int, readers: _Readers) -> None:
        self.job_id = job_id
        self._readers = readers
        self._watchers: set[Watcher] = set()
        self._task: asyncio.Task[None] | None = None

    def watch(self) -> Watcher:
        watcher = Watcher()
        self._watchers.add(watcher)
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"reader-{self.job_id}")
        return watcher

    def forget(self, watcher: Watcher) -> None:
        self._watchers.discard(watcher)
        if not self._watchers:
            self._readers.drop(self.job_id)
            if self._task is not None:
                self._task.cancel()

    async def _run(self) -> None:
        ear = JobEar(self.job_id)
        try:
            while True:
                try:
                    await self._read_on(ear)
                except Exception:
                    log.exception("the reader of job %s failed; it begins again", self.job_id)
                    await asyncio.sleep(RETRY_SECONDS)
        finally:
            ear.close()

    async def _read_on(self, ear: JobEar) -> None:
        """Read what comes, from now on: what is there already each watcher reads for itself."""
        seen = int((await read_news(self.job_id, 2**62)).job["last_seq"])
        told: dict[str, Any] = {}
        while True:
            ear.forget()
            news = await read_news(self.job_id, seen)
            if news.events or news.job != told:
                seen, told = news.last_seq, news.job
                for watcher in list(self._watchers):
                    watcher.give(news)
            if news.is_complete:
                await ear.wait(POLL_SECONDS)


class _Readers:
    """The readers of one event loop, by job."""

    _by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, _Readers] = WeakKeyDictionary()

    def __init__(self) -> None:
        self._by_job: dict[int, Reader] = {}

    @classmethod
    def of_this_loop(cls) -> _Readers:
        return cls._by_loop.setdefault(asyncio.get_running_loop(), cls())

    def join(self, job_id: int) -> Reader:
        return self._by_job.setdefault(job_id, Reader(job_id, self))

    def drop(self, job_id: int) -> None:
        self._by_job.pop(job_id, None)
