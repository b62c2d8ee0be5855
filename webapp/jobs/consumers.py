"""ws/jobs/<code>/?after=<seq>: what is new about a job, from that number on, then live until it has ended."""

from __future__ import annotations

from webapp.jobs.models import Job
from webapp.jobs.sockets import TeamConsumer
from webapp.jobs.stream import follow
from webapp.teams.access import Rule
from webapp.teams.models import Role


class JobConsumer(TeamConsumer):
    access_rule = Rule("team", Role.VIEWER, Job)
    related = ("team",)

    async def run(self, row: Job) -> None:
        async for news in follow(row.pk, after=self.after()):
            await self.send(text_data=news.encode())
