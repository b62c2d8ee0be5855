"""The web process: HTTP through Django, resumable uploads in front of it, websockets beside it.

Uploads bypass Django because it spools a whole request body before a view sees it and drops it when the connection breaks.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
django_application = get_asgi_application()

from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402

from webapp.routing import http_handlers, websocket_urlpatterns  # noqa: E402


async def http(
    scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
) -> None:
    for prefix, handler in http_handlers:
        if scope["path"].startswith(prefix) and scope["method"] in handler.methods:  # type: ignore[attr-defined]
            await handler(scope, receive, send)
            return
    await django_application(scope, receive, send)


application = ProtocolTypeRouter(
    {
        "http": http,
        "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(websocket_urlpatterns))),
    }
)
