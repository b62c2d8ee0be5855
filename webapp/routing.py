"""Websocket addresses, and the HTTP addresses that go to a raw ASGI handler instead of Django. Each declares its access rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

websocket_urlpatterns: list[Any] = []
http_handlers: list[tuple[str, Callable[..., Any]]] = []
