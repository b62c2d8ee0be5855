"""ws/runs/<code>/?job=<code>&after=<seq>: what is new about a run, from where the page was told last."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import msgspec

from webapp.jobs.sockets import TeamConsumer
from webapp.runs.feed import join_feed, leave_feed, read_news_async
from webapp.runs.models import Run
from webapp.teams.access import Rule
from webapp.teams.models import Role

SLOW = 4408
"""The page did not keep up; it comes back and says what it has."""


class RunConsumer(TeamConsumer):
    access_rule = Rule("team", Role.VIEWER, Run)
    related = ("latest_job", "project__team", "dataset_version")

    async def run(self, row: Run) -> None:
        """First what the page missed, then what comes."""
        feed, queue = join_feed(run=row)  # before reading, so that nothing falls between
        try:
            job, seq = parse_qs(self.scope["query_string"].decode()).get("job", [""])[0], self.after()
            missed = await read_news_async(row.pk, job, seq)
            if missed is not None:
                job, seq = missed["job"], missed["seq"]
                await self._say(missed)
            while True:
                news = await queue.get()
                if news["type"] == "end":
                    await self.close(SLOW)
                    return
                if news["job"] == job and news["seq"] <= seq:
                    continue
                job, seq = news["job"], news["seq"]
                await self._say(news)
        finally:
            leave_feed(feed, queue)

    async def _say(self, news: dict[str, Any]) -> None:
        await self.send(text_data=msgspec.json.encode(news).decode())
