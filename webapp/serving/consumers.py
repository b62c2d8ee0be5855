"""The playground's socket: asks a model and passes its answer on, token by token. Several answers may run at once."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.utils.translation import gettext as _

from webapp.projects.models import Project
from webapp.runs.models import Checkpoint
from webapp.serving import client
from webapp.serving.requests import Ask, parse_ask
from webapp.serving.services import generation_create
from webapp.teams.access import Rule, object_for
from webapp.teams.models import Role
from webapp.teams.signing_out import user_group

MAX_AT_ONCE = 4
RECHECK_SECONDS = 45


class PlaygroundConsumer(AsyncJsonWebsocketConsumer):
    access_rule = Rule("team", Role.MEMBER, Project)

    async def connect(self) -> None:
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.checker: asyncio.Task[None] | None = None
        if not await self._may_enter():
            await self.close(code=4404)
            return
        await self.accept()
        await self.channel_layer.group_add(user_group(self.scope["user"].pk), self.channel_name)
        self.checker = asyncio.create_task(self._recheck())

    async def disconnect(self, code: int) -> None:
        for task in [*self.tasks.values(), *([self.checker] if self.checker else [])]:
            task.cancel()
        if self.scope["user"].is_authenticated:
            await self.channel_layer.group_discard(user_group(self.scope["user"].pk), self.channel_name)

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        try:
            ask = parse_ask(content)
        except ValueError as error:
            await self.send_json(
                {"id": str(content.get("id", ""))[:40] if isinstance(content, dict) else "", **_error(str(error))}
            )
            return
        if ask.op == "cancel":
            if task := self.tasks.get(ask.id):
                task.cancel()
            return
        if ask.id in self.tasks or len(self.tasks) >= MAX_AT_ONCE:
            await self.send_json({"id": ask.id, **_error(_("Wait until one of the running answers has ended."))})
            return
        task = asyncio.create_task(self._answer(ask))
        self.tasks[ask.id] = task
        task.add_done_callback(lambda _done: self.tasks.pop(ask.id, None))

    async def access_check(self, event: dict[str, Any]) -> None:
        """Told that this user's access changed: look at once."""
        if not await self._may_enter():
            await self.close(code=4401)

    async def _recheck(self) -> None:
        while True:
            await asyncio.sleep(RECHECK_SECONDS)
            await self.access_check({})

    @database_sync_to_async
    def _may_enter(self) -> bool:
        code = self.scope["url_route"]["kwargs"]["code"]
        try:
            object_for(self.scope["user"], Project.objects.select_related("team"), Role.MEMBER, code=code)
        except (Http404, PermissionDenied):
            return False
        return True

    @database_sync_to_async
    def _checkpoint(self, code: str) -> Checkpoint | None:
        kept = Checkpoint.objects.select_related("run__project").filter(removed_at=None, run__deleted_at=None)
        return kept.filter(code=code, run__project__code=self.scope["url_route"]["kwargs"]["code"]).first()

    async def _answer(self, ask: Ask) -> None:
        checkpoint = await self._checkpoint(ask.checkpoint)
        if checkpoint is None:
            await self.send_json({"id": ask.id, **_error(_("This checkpoint is not kept any more. Choose another."))})
            return
        try:
            if ask.op == "generate":
                await self._generate(ask, checkpoint)
            else:
                fields: dict[str, Any] = {"text": ask.prompt}
                if ask.op == "attention":
                    fields |= {"layer": ask.layer, "head": ask.head}
                answer = await client.ask(ask.op, **_model(checkpoint) | fields)
                await self.send_json({**answer, "id": ask.id})
        except client.InferenceError as error:
            await self.send_json({"id": ask.id, "event": "error", "code": error.code, "sentence": str(error)})

    async def _generate(self, ask: Ask, checkpoint: Checkpoint) -> None:
        pieces: list[str] = []
        num_tokens = num_cut = 0
        ended, started = "cancelled", time.monotonic()
        settings = {name: getattr(ask.settings, name) for name in ask.settings.__struct_fields__}
        answers = client.stream("generate", **_model(checkpoint) | {"prompt": ask.prompt, "settings": settings})
        try:
            async for message in answers:
                if message["event"] == "token":
                    num_tokens += 1
                    pieces.append(message["text"])
                elif message["event"] == "start":
                    num_cut = message["num_cut_tokens"]
                elif message["event"] == "done":
                    ended = message["result"]["end"]
                await self.send_json({**message, "id": ask.id})
        except client.InferenceError:
            ended = "error"
            raise
        finally:
            await answers.aclose()  # type: ignore[attr-defined]
            output = "".join(pieces)
            if output or ended not in ("error", "cancelled"):
                answer = {
                    "prompt": ask.prompt,
                    "settings": settings,
                    "output": output,
                    "num_tokens": num_tokens,
                    "num_prompt_tokens_cut": num_cut,
                    "seconds": time.monotonic() - started,
                    "ended_because": ended,
                }
                await asyncio.shield(self._keep(checkpoint, answer))

    @database_sync_to_async
    def _keep(self, checkpoint: Checkpoint, answer: dict[str, Any]) -> None:
        generation_create(checkpoint=checkpoint, created_by=self.scope["user"], **answer)


def _model(checkpoint: Checkpoint) -> dict[str, Any]:
    return {"checkpoint": str(checkpoint.path), "sha256": checkpoint.sha256}


def _error(sentence: str) -> dict[str, str]:
    return {"event": "error", "code": "bad_request", "sentence": sentence}
