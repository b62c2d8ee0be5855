"""The playground's socket: asks a model and passes its answer on, token by token. Several answers may run at once."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import Any

from channels.db import database_sync_to_async
from django.utils.translation import gettext as _

from webapp.jobs.sockets import TeamConsumer
from webapp.projects.models import Project
from webapp.registry.exports import gguf_of
from webapp.runs.models import Checkpoint
from webapp.serving import client
from webapp.serving.abilities import Reply, abilities
from webapp.serving.guarding import guarded_stream
from webapp.serving.requests import Ask, WriteAsk, parse_ask
from webapp.serving.services import generation_create
from webapp.teams.access import Rule
from webapp.teams.models import Role

MAX_AT_ONCE = 4


class PlaygroundConsumer(TeamConsumer):
    access_rule = Rule("team", Role.MEMBER, Project)
    related = ("team",)

    async def connect(self) -> None:
        self.answers: dict[str, asyncio.Task[None]] = {}
        await super().connect()

    async def run(self, row: Project) -> None:
        """Answers are sent when they are asked for; the socket itself lives until the page goes."""
        with contextlib.suppress(client.InferenceError):
            await client.ask("ping")  # torch is loaded with the first caller: while somebody still types
        await asyncio.Event().wait()

    async def disconnect(self, code: int) -> None:
        for task in self.answers.values():
            task.cancel()
        await super().disconnect(code)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        try:
            content = json.loads(text_data or "")
            ask = parse_ask(content)
        except ValueError as error:
            await self._say({"id": "", **_error(str(error))})
            return
        if ask.op == "cancel":
            if task := self.answers.get(ask.id):
                task.cancel()
            return
        if ask.id in self.answers or len(self.answers) >= MAX_AT_ONCE:
            await self._say({"id": ask.id, **_error(_("Wait until one of the running answers has ended."))})
            return
        task = asyncio.create_task(self._answer(ask))
        self.answers[ask.id] = task
        task.add_done_callback(lambda _done: self.answers.pop(ask.id, None))

    async def _say(self, message: dict[str, Any]) -> None:
        await self.send(text_data=json.dumps(message))

    @database_sync_to_async
    def _checkpoint(self, code: str) -> Checkpoint | None:
        kept = Checkpoint.objects.select_related("run__project").filter(removed_at=None, run__deleted_at=None)
        return kept.filter(code=code, run__project=self.row).first()

    async def _beside(self, ask: Ask, checkpoint: Checkpoint) -> dict[str, str]:
        """Return who else takes part in writing; raise `LookupError` with a sentence where they are not there."""
        beside = {}
        if isinstance(ask, WriteAsk) and ask.draft:
            if (draft := await self._checkpoint(ask.draft)) is None:
                raise LookupError(_("The model that was to guess ahead is not kept any more."))
            beside["draft"] = str(draft.path)
        if isinstance(ask, WriteAsk) and ask.engine:
            if (file := await database_sync_to_async(gguf_of)(checkpoint)) is None:
                raise LookupError(
                    _("This checkpoint has no GGUF export. Keep it as a model and export it as GGUF first.")
                )
            beside["engine"] = str(file)
        return beside

    async def _answer(self, ask: Ask) -> None:
        checkpoint = await self._checkpoint(ask.checkpoint)
        if checkpoint is None:
            await self._say({"id": ask.id, **_error(_("This checkpoint is not kept any more. Choose another."))})
            return
        try:
            beside = await self._beside(ask, checkpoint)
        except LookupError as error:
            await self._say({"id": ask.id, **_error(str(error))})
            return
        ability, reply, started = abilities()[ask.op], Reply(), time.monotonic()
        answers = guarded_stream(
            ability=ability, ask=ask, checkpoint=checkpoint, asked_by=self.scope["user"], beside=beside
        )
        try:
            async for message in answers:
                reply.see(message)
                await self._say({**message, "id": ask.id})
        except client.InferenceError as error:
            reply.ended = "error"
            await self._say({"id": ask.id, "event": "error", "code": error.code, "sentence": str(error)})
        finally:
            await answers.aclose()  # type: ignore[attr-defined]
            reply.seconds = time.monotonic() - started
            if answer := ability.kept(ask, reply):
                await asyncio.shield(self._keep(checkpoint, {"seconds": reply.seconds, **answer}))

    @database_sync_to_async
    def _keep(self, checkpoint: Checkpoint, answer: dict[str, Any]) -> None:
        generation_create(checkpoint=checkpoint, created_by=self.scope["user"], **answer)


def _error(sentence: str) -> dict[str, str]:
    return {"event": "error", "code": "bad_request", "sentence": sentence}
