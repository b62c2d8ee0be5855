"""ws/runs/<code>/?job=<code>&after=<seq>: what is new about a run, from where the page was told last."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any
from urllib.parse import parse_qs

import msgspec
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.core.exceptions import PermissionDenied
from django.http import Http404

from webapp.runs.feed import RunFeed, join_feed, leave_feed, read_news_async
from webapp.runs.models import Run
from webapp.teams.access import Rule, object_for
from webapp.teams.models import Role, User

RECHECK_SECONDS = 30.0
"""So often it is asked whether the person may still look."""
REFUSED, GONE, SLOW = 4404, 4403, 4408


class RunConsumer(AsyncWebsocketConsumer):
    access_rule = Rule("team", Role.VIEWER, Run)

    async def connect(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []
        self._feed: RunFeed | None = None
        try:
            self._run = await self._load()
        except (Http404, PermissionDenied):
            await self.close(REFUSED)
            return
        self._feed, self._queue = join_feed(run=self._run)
        await self.accept()
        self._tasks = [asyncio.create_task(self._send_news()), asyncio.create_task(self._recheck())]

    async def disconnect(self, code: int) -> None:
        for task in self._tasks:
            task.cancel()
        if self._feed is not None:
            leave_feed(self._feed, self._queue)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Nothing is asked over this socket."""

    async def _send_news(self) -> None:
        """First what the page missed, then what comes."""
        query = parse_qs(self.scope["query_string"].decode())
        job, seq = query.get("job", [""])[0], _number(query.get("after", ["0"])[0])
        missed = await read_news_async(self._run.pk, job, seq)
        if missed is not None:
            job, seq = missed["job"], missed["seq"]
            await self._say(missed)
        while True:
            news = await self._queue.get()
            if news["type"] == "end":
                await self.close(SLOW)
                return
            if news["job"] == job and news["seq"] <= seq:
                continue
            job, seq = news["job"], news["seq"]
            await self._say(news)

    async def _say(self, news: dict[str, Any]) -> None:
        await self.send(text_data=msgspec.json.encode(news).decode())

    async def _recheck(self) -> None:
        while True:
            await asyncio.sleep(RECHECK_SECONDS)
            with contextlib.suppress(OSError):
                try:
                    await self._load()
                except (Http404, PermissionDenied):
                    await self.close(GONE)
                    return

    @database_sync_to_async
    def _load(self) -> Run:
        user = self.scope["user"]
        if user.is_authenticated:  # read afresh: the account may have been closed since
            user = User.objects.filter(pk=user.pk, is_active=True).first() or user
        rows = Run.objects.select_related("latest_job", "project__team", "dataset_version")
        return object_for(user, rows, Role.VIEWER, code=self.scope["url_route"]["kwargs"]["code"])


def _number(text: str) -> int:
    try:
        return max(0, int(text))
    except ValueError:
        return 0
