"""The one caller of the inference process (`python -m trainer serve`): newline JSON over its unix socket, answers streamed.

A public API calls models through here as well, so that there is one path to a model.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

MAX_LINE_BYTES = 64 * 2**20  # attention maps of a long prompt are large
LAST_EVENTS = ("done", "error")


class InferenceError(Exception):
    """The model could not answer. The message is a sentence for the person who asked; `code` is for programs."""

    def __init__(self, sentence: str, *, code: str) -> None:
        super().__init__(sentence)
        self.code = code


async def stream(op: str, *, socket: Path | None = None, **fields: Any) -> AsyncIterator[dict[str, Any]]:
    """Ask for `op` and yield its messages as they come; the last has event `done`. Raise `InferenceError` otherwise.

    Leaving the iteration early (or being cancelled) closes the connection, which ends the work on the other side.
    """
    reader, writer = await _connect(socket or Path(settings.ISOCOST_SERVE_SOCKET))
    request = {"id": uuid.uuid4().hex, "op": op, **fields}
    try:
        writer.write(json.dumps(request).encode() + b"\n")
        await writer.drain()
        async for line in reader:
            message = json.loads(line)
            if message.get("event") == "error":
                raise InferenceError(message["sentence"], code=message["code"])
            yield message
            if message.get("event") in LAST_EVENTS:
                return
        raise _gone()
    except (ConnectionError, asyncio.IncompleteReadError) as error:
        raise _gone() from error
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def ask(op: str, **fields: Any) -> dict[str, Any]:
    """Ask for `op` and return its last message."""
    answer: dict[str, Any] = {}
    async for message in stream(op, **fields):
        answer = message
    return answer


async def _connect(socket: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    try:
        return await asyncio.open_unix_connection(str(socket), limit=MAX_LINE_BYTES)
    except OSError as error:
        raise InferenceError(
            _(
                "The inference process is not running. It starts with `make run`; if it just did, try again in a moment."
            ),
            code="not_running",
        ) from error


def _gone() -> InferenceError:
    return InferenceError(_("The inference process ended while it answered. Try again in a moment."), code="gone")
