"""What a short command rings is heard: it does not end before the ring is out, nor with its thread still running."""

from __future__ import annotations

import asyncio
import os
import sys

from channels.layers import get_channel_layer
from django.conf import settings

RING = """
import django
django.setup()
from webapp.jobs import doorbell
for number in range(3):
    doorbell.ring(f"doorbell-test.{number}", {"type": "job.news"})
"""


async def test_a_command_that_ends_at_once_is_heard() -> None:
    layer = get_channel_layer()
    assert layer is not None
    channel = await layer.new_channel()
    for number in range(3):
        await layer.group_add(f"doorbell-test.{number}", channel)
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "webapp.settings", "REDIS_URL": settings.REDIS_URL}
    command = await asyncio.create_subprocess_exec(sys.executable, "-c", RING, env=environment)
    assert await asyncio.wait_for(command.wait(), 30) == 0
    for _ in range(3):
        assert (await asyncio.wait_for(layer.receive(channel), 5))["type"] == "job.news"
