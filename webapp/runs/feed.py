"""What a run's page is told while it is open: one reader per process and run, however many pages are open.

The doorbell of the run's latest job wakes the reader; PostgreSQL says what is new. A doorbell that is lost costs a few
seconds, for the reader looks by itself now and then. When the run is resumed the reader goes over to the new job.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

from channels.db import database_sync_to_async

from webapp.jobs.ear import JobEar
from webapp.jobs.models import JobEvent
from webapp.runs.axes import CLOCK_SECONDS, TRAINING_SECONDS
from webapp.runs.metric_queries import metric_tail
from webapp.runs.models import Run
from webapp.runs.status import run_status

log = logging.getLogger(__name__)
LOOK_SECONDS = 2.0
"""The reader looks so often even if nobody rings."""
ERROR_SECONDS = 1.0
MAX_EVENTS = 500
MAX_POINTS = 2_000
"""More new points of one metric than this and the page is told to fetch its charts again."""
QUEUE_LENGTH = 200
QUIET_TYPES = {"progress"}
"""Events that only move figures which the status carries anyway."""

Message = dict[str, Any]


def read_news(run_id: int, job_code: str, after: int) -> Message | None:
    """Return what happened to the run after event `after` of a job, with new points and how it stands; None if nothing did.

    Where the run has gone over to another job since, all of that job's events are new.
    """
    run = Run.objects.select_related("latest_job", "dataset_version").get(pk=run_id)
    job = run.latest_job
    if job.code != job_code:
        after = 0
    elif job.last_seq <= after:
        return None
    rows = list(JobEvent.objects.filter(job=job, seq__gt=after).order_by("-seq")[:MAX_EVENTS])
    rows.reverse()
    if not rows:
        return None
    missed = rows[0].seq > after + 1
    points = None if missed else new_points(run, [row.payload for row in rows if row.type == "metrics"])
    return {
        "type": "news",
        "job": job.code,
        "seq": rows[-1].seq,
        "first_seq": rows[0].seq,
        "events": [
            {"seq": row.seq, "at": row.at.timestamp(), "type": row.type, **row.payload}
            for row in rows
            if row.type not in QUIET_TYPES
        ],
        "points": points or {},
        "refetch": points is None,
        "status": run_status(run).as_json(),
    }


def new_points(run: Run, payloads: Iterable[Message]) -> dict[str, tuple[list[int], list[float | None]]] | None:
    """Return the points that `metrics` events told of; None if they are too many to send.

    A metric that is measured now and then may come with points that were sent before: a page draws each step once.
    """
    told = [payload for payload in payloads if payload.get("keys")]
    if not told:
        return {}
    keys = {key for payload in told for key in payload["keys"]}
    return metric_tail(
        run,
        keys | {TRAINING_SECONDS, CLOCK_SECONDS},
        first_step=min(payload["from_step"] for payload in told),
        last_step=max(payload["up_to_step"] for payload in told),
        limit=MAX_POINTS,
    )


read_news_async = database_sync_to_async(read_news, thread_sensitive=False)


class RunFeed:
    """Follows one run for all of this process's pages that show it."""

    def __init__(self, run_id: int, job_id: int, job_code: str, seq: int) -> None:
        self.run_id, self.job_id, self.job_code, self.seq = run_id, job_id, job_code, seq
        self.queues: set[asyncio.Queue[Message]] = set()
        self.task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.task = asyncio.create_task(self._follow(), name=f"run-feed-{self.run_id}")

    async def _follow(self) -> None:
        ear = JobEar(self.job_id)
        try:
            while True:
                if ear.job_id != self.job_id:  # resumed: the run has gone over to another job
                    ear.close()
                    ear = JobEar(self.job_id)
                try:
                    ear.forget()
                    while await self._read():
                        pass
                    await ear.wait(LOOK_SECONDS)
                except Exception:
                    log.exception("the feed of run %s stumbled; it goes on", self.run_id)
                    await asyncio.sleep(ERROR_SECONDS)
        finally:
            ear.close()

    async def _read(self) -> bool:
        """Hand out what is new; say whether there may be more at once."""
        news = await read_news_async(self.run_id, self.job_code, self.seq)
        if news is None:
            return False
        if news["job"] != self.job_code:
            self.job_code = news["job"]
            self.job_id = await _job_id(self.run_id)
        self.seq = news["seq"]
        for queue in list(self.queues):
            if queue.full():
                self.queues.discard(queue)  # too slow: it is told by its end, and its page joins again
                _end(queue)
            else:
                queue.put_nowait(news)
        return len(news["events"]) >= MAX_EVENTS


def _end(queue: asyncio.Queue[Message]) -> None:
    """Make room for the word that ends a queue."""
    while not queue.empty():
        queue.get_nowait()
    queue.put_nowait({"type": "end"})


@database_sync_to_async
def _job_id(run_id: int) -> int:
    return Run.objects.values_list("latest_job_id", flat=True).get(pk=run_id)


_feeds: dict[tuple[int, int], RunFeed] = {}


def join_feed(*, run: Run) -> tuple[RunFeed, asyncio.Queue[Message]]:
    """Return the feed of the run in this process and a queue of what is new from now on."""
    key = (id(asyncio.get_running_loop()), run.pk)
    feed = _feeds.get(key)
    if feed is None or feed.task is None or feed.task.done():
        feed = RunFeed(run.pk, run.latest_job_id, run.latest_job.code, run.latest_job.last_seq)
        _feeds[key] = feed
        feed.start()
    queue: asyncio.Queue[Message] = asyncio.Queue(QUEUE_LENGTH)
    feed.queues.add(queue)
    return feed, queue


def leave_feed(feed: RunFeed, queue: asyncio.Queue[Message]) -> None:
    """Say that a page is closed; the last one ends the reader."""
    feed.queues.discard(queue)
    if not feed.queues and feed.task is not None:
        feed.task.cancel()
        for key in [key for key, other in _feeds.items() if other is feed]:
            del _feeds[key]
