"""What every live socket on a team's row does: let in by the one access rule, look again within a minute, close with a reason.

4401  not signed in (any more)      4404  no such row for this person (any more)      1000  there will be no more
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable
from typing import Any, ClassVar
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.contrib.auth import HASH_SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404
from django.utils.crypto import constant_time_compare

from webapp.jobs.steady import LOST
from webapp.teams.access import Rule, object_for
from webapp.teams.models import User
from webapp.teams.signing_out import user_group

RECHECK_SECONDS = 45.0
SIGNED_OUT, NOT_FOUND, NO_MORE = 4401, 4404, 1000


class TeamConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """A socket on the row whose code is in the address. Subclass: set `access_rule`, write `run(row)`."""

    access_rule: ClassVar[Rule]
    related: ClassVar[tuple[str, ...]] = ()

    async def run(self, row: Any) -> None:
        """Send what there is to send; when it returns, the socket closes."""
        raise NotImplementedError

    async def connect(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []
        await self.accept()  # first, for only an open socket can be closed with a reason
        row, refused = await database_sync_to_async(self._look)()
        if row is None:
            await self.close(code=refused)
            return
        self.row: Any = row
        with contextlib.suppress(Exception):  # a message board that is away: the recheck does it alone
            await self.channel_layer.group_add(user_group(self.scope["user"].pk), self.channel_name)
        self._tasks = [asyncio.create_task(self._run(self.run(row))), asyncio.create_task(self._recheck())]

    async def disconnect(self, code: int) -> None:
        for task in self._tasks:
            task.cancel()
        user = self.scope.get("user")
        if user is not None and user.is_authenticated:
            with contextlib.suppress(Exception):
                await self.channel_layer.group_discard(user_group(user.pk), self.channel_name)

    async def access_check(self, _event: dict[str, Any]) -> None:
        """Told that this person's access changed."""
        try:
            row, refused = await database_sync_to_async(self._look)()
        except LOST:
            return  # nobody's access changed by that
        if row is None:
            await self.close(code=refused)

    def after(self) -> int:
        """Return the sequence number that the client has seen, from `?after=`."""
        text = parse_qs(self.scope["query_string"].decode()).get("after", ["0"])[0]
        return int(text) if text.isdecimal() else 0

    async def _run(self, work: Awaitable[None]) -> None:
        await work
        await self.close(code=NO_MORE)

    async def _recheck(self) -> None:
        while True:
            await asyncio.sleep(RECHECK_SECONDS)
            await self.access_check({})

    def _look(self) -> tuple[Model | None, int]:
        """Return the row, or None and the code to close with."""
        user = self.scope.get("user")
        if user is None or not user.is_authenticated:
            return None, SIGNED_OUT
        user = User.objects.filter(pk=user.pk, is_active=True).first()
        if user is None or not self._session_lives(user):
            return None, SIGNED_OUT
        rule = self.access_rule
        assert rule.model is not None
        assert rule.role is not None
        rows = rule.model._default_manager.select_related(*self.related)
        try:
            return object_for(user, rows, rule.role, code=self.scope["url_route"]["kwargs"]["code"]), 0
        except (Http404, PermissionDenied):
            return None, NOT_FOUND

    def _session_lives(self, user: User) -> bool:
        """Return whether the session that opened the socket would still be let in: read anew, for it may have ended."""
        session = self.scope.get("session")
        if session is None or session.session_key is None:
            return True
        now = SessionStore(session.session_key)
        return constant_time_compare(now.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash())
