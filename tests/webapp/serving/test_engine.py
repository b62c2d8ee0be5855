"""Who writes in the playground: llama.cpp takes the model's GGUF export, and says so where there is none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from channels.db import database_sync_to_async

from tests.factories import Cast, make_checkpoint
from tests.webapp.jobs.socket_client import open_as

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_checkpoint_without_an_export_is_told_to_be_exported(cast: Cast) -> None:
    checkpoint = await database_sync_to_async(make_checkpoint)(cast)
    path = f"/ws/playground/{cast.project.code}/"
    socket = await database_sync_to_async(open_as)(cast, cast.bob, path)
    assert await socket.connect()
    asked: dict[str, Any] = {"id": "1", "op": "generate", "checkpoint": checkpoint.code, "prompt": "a"}
    await socket.send_input({"type": "websocket.receive", "text": json.dumps(asked | {"engine": "llama.cpp"})})
    answer = await socket.receive()
    assert answer["event"] == "error"
    assert "export it as GGUF" in answer["sentence"]
    await socket.disconnect()
