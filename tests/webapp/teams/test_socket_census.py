"""Every websocket route, for six principals: who its rule does not let in is told so by the code it is closed with."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from channels.db import database_sync_to_async
from channels.routing import URLRouter
from django.contrib.auth.models import AnonymousUser

from tests.census_rows import row_of
from tests.factories import make_team
from webapp.routing import websocket_urlpatterns
from webapp.teams.access import Rule, rule_of
from webapp.teams.models import Role, User

ROUTES = [(str(entry.pattern), rule_of(entry.callback.consumer_class)) for entry in websocket_urlpatterns]


def connect(path: str, user: User | None) -> ApplicationCommunicator:
    """Return a socket on `path` that has asked to be opened."""
    scope = {"type": "websocket", "path": path, "query_string": b"", "headers": [], "subprotocols": []}
    return ApplicationCommunicator(URLRouter(websocket_urlpatterns), scope | {"user": user or AnonymousUser()})


async def closes(socket: ApplicationCommunicator, *, within_seconds: float) -> int | None:
    """Return the code that the socket is closed with, None if it stays open for so long."""
    while not await socket.receive_nothing(timeout=within_seconds):
        message = await socket.receive_output(timeout=1)
        if message["type"] == "websocket.close":
            return int(message.get("code") or 1000)
    return None


async def is_let_in(path: str, user: User | None) -> bool:
    """Connect and return whether the socket stays open, or is closed only because there is no more to tell."""
    socket = connect(path, user)
    await socket.send_input({"type": "websocket.connect"})
    code = await closes(socket, within_seconds=0.6)
    await socket.send_input({"type": "websocket.disconnect", "code": 1000})
    await socket.wait(timeout=5)
    return code in (None, 1000)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("route", "rule"), ROUTES, ids=[route for route, _rule in ROUTES])
async def test_socket_lets_in_whom_its_rule_says(route: str, rule: Rule | None) -> None:
    assert rule is not None
    assert rule.model is not None
    assert rule.role is not None

    @database_sync_to_async
    def prepare() -> tuple[Any, str]:
        cast = make_team()
        return cast, row_of(rule.model, cast).code  # type: ignore[arg-type]

    cast, code = await prepare()
    path = "/" + route.replace("<str:code>", code)
    assert not await is_let_in(path, None)
    assert not await is_let_in(path, cast.charlie)
    for user, has in (
        (cast.vera, Role.VIEWER),
        (cast.bob, Role.MEMBER),
        (cast.adam, Role.ADMIN),
        (cast.alice, Role.OWNER),
    ):
        assert await is_let_in(path, user) == (has >= rule.role), f"{has.label} on {route}"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("route", "rule"), ROUTES, ids=[route for route, _rule in ROUTES])
async def test_socket_closes_when_its_member_is_removed(route: str, rule: Rule | None) -> None:
    from webapp.teams.models import Membership
    from webapp.teams.services import membership_remove

    @database_sync_to_async
    def prepare() -> tuple[Any, str]:
        cast = make_team()
        return cast, row_of(rule.model, cast).code  # type: ignore[arg-type, union-attr]

    @database_sync_to_async
    def remove(cast: Any) -> None:
        membership_remove(membership=Membership.objects.get(team=cast.team, user=cast.bob), by=cast.alice)

    cast, code = await prepare()
    socket = connect("/" + route.replace("<str:code>", code), cast.bob)
    await socket.send_input({"type": "websocket.connect"})
    assert await closes(socket, within_seconds=0.6) in (None, 1000)
    if not socket.future.done():
        await remove(cast)
        assert await closes(socket, within_seconds=5) in (4401, 4404)
