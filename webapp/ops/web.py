"""The web process: `python -m webapp.ops.web FD...` serves on sockets that the supervisor opened."""

from __future__ import annotations

import os
import socket
import sys

import uvicorn

GRACE_SECONDS = 5
"""How long open connections may take to finish when the process stops."""

MOST_MESSAGE_BYTES = 2**23
"""Of one message from a browser. The largest is a picture for the playground (serving.requests.MAX_IMAGE_CHARACTERS)."""


def main(descriptors: list[int]) -> None:
    """Serve until a signal comes."""
    sockets = [socket.socket(fileno=descriptor) for descriptor in descriptors]
    config = uvicorn.Config(
        "webapp.asgi:application",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        ws_max_size=MOST_MESSAGE_BYTES,
    )
    uvicorn.Server(config).run(sockets=sockets)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
    main([int(text) for text in sys.argv[1:]])
