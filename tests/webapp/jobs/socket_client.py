"""A browser's websocket against the ASGI application in this process. (channels.testing wants daphne.)"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import msgspec
from asgiref.testing import ApplicationCommunicator

from tests.factories import Cast
from webapp.asgi import application
from webapp.teams.models import User


class Socket(ApplicationCommunicator):
    """One websocket."""

    def __init__(self, path: str, *, cookies: str = "", origin: bytes = b"http://localhost") -> None:
        parts = urlsplit(path)
        scope = {
            "type": "websocket",
            "path": parts.path,
            "query_string": parts.query.encode(),
            "headers": [(b"origin", origin), (b"cookie", cookies.encode())],
            "subprotocols": [],
        }
        super().__init__(application, scope)

    async def connect(self) -> bool:
        """Open it; False if the server refuses."""
        await self.send_input({"type": "websocket.connect"})
        answer = await self.receive_output(5)
        return bool(answer["type"] == "websocket.accept")

    async def receive(self, *, timeout: float = 15) -> dict[str, Any]:
        """Return the next message, decoded."""
        message = await self.receive_output(timeout)
        assert message["type"] == "websocket.send", message
        found: dict[str, Any] = msgspec.json.decode(message["text"])
        return found

    async def close_code(self, *, timeout: float = 15) -> int:
        """Return the code with which the server closes, whatever it sends before."""
        while True:
            message = await self.receive_output(timeout)
            if message["type"] == "websocket.close":
                return int(message["code"])

    async def disconnect(self) -> None:
        await self.send_input({"type": "websocket.disconnect", "code": 1001})
        await self.wait(5)


def open_as(cast: Cast, user: User | None, path: str, **options: Any) -> Socket:
    """Return a socket with the session of a signed-in user; None: of nobody."""
    client = cast.client(user)
    cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
    return Socket(path, cookies=cookies, **options)
