"""The socket of a run: who may listen, what it says, from where it goes on."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from channels.db import database_sync_to_async

from tests.factories import Cast, make_team
from tests.webapp.jobs.socket_client import Socket, open_as
from tests.webapp.runs.rows import make_spec, make_version
from tests.webapp.runs.test_kinds import Attempt, metrics
from trainer import events as ev
from webapp.jobs.models import Worker
from webapp.runs import services
from webapp.runs.feed import read_news
from webapp.runs.models import Run

pytestmark = pytest.mark.django_db(transaction=True)


class Scene:
    """A run, the one who trains it, and those who watch."""

    def __init__(self) -> None:
        self.cast: Cast = make_team()
        self.worker = Worker.objects.create(name="w", host="h", queue="cpu")
        version = make_version(self.cast)
        self.run: Run = services.run_create(
            project=self.cast.project, created_by=self.cast.bob, version=version, spec=make_spec(version)
        )
        self.attempt = Attempt(self.worker)
        self.attempt.say(ev.Started(pid=1, device="cpu"), metrics(1, 10))

    def stop_and_resume(self) -> None:
        self.attempt.say(self.attempt.checkpoint(10))
        self.attempt.end("stopped", "stopped")
        services.run_resume(run=Run.objects.get(pk=self.run.pk), by=self.cast.bob)
        self.attempt = Attempt(self.worker)
        self.attempt.say(ev.Started(pid=2, device="cpu", resumed_from_step=10), metrics(11, 14, 2.0))


@pytest.fixture
async def scene(db: None) -> Scene:
    return await database_sync_to_async(Scene)()


@asynccontextmanager
async def listening(scene: Scene, user: Any, query: str = "") -> AsyncIterator[Socket]:
    """Open a socket on the run; ended sockets are left as they are."""
    socket = await database_sync_to_async(open_as)(scene.cast, user, f"/ws/runs/{scene.run.code}/?{query}")
    yield socket
    await socket.disconnect()


async def news(socket: Socket) -> dict[str, Any]:
    return await socket.receive(timeout=10)


async def test_a_stranger_is_refused_and_a_viewer_is_not(scene: Scene) -> None:
    async with listening(scene, scene.cast.charlie) as socket:
        await socket.connect()
        assert await socket.close_code() == 4404
    async with listening(scene, scene.cast.vera) as socket:
        assert await socket.connect()
        assert (await news(socket))["type"] == "news"


async def test_a_page_gets_what_it_missed_and_then_what_comes_with_its_points(scene: Scene) -> None:
    async with listening(scene, scene.cast.vera) as socket:
        assert await socket.connect()
        missed = await news(socket)
        assert [event["type"] for event in missed["events"]] == ["queued", "claimed", "started", "metrics"]
        assert missed["points"]["train/loss"] == [list(range(1, 11)), [1.0] * 10]
        assert missed["status"]["text"]["steps"] == "10 / 100"
        await database_sync_to_async(scene.attempt.say)(metrics(11, 12, 0.5))
        live = await news(socket)
        assert live["first_seq"] == missed["seq"] + 1
        assert live["points"]["train/loss"] == [[11, 12], [0.5, 0.5]]
        assert live["points"]["axis/training_seconds"] == [[11, 12], [5.5, 6.0]]


async def test_a_page_that_comes_back_gets_only_what_is_new(scene: Scene) -> None:
    seq = (await database_sync_to_async(read_news)(scene.run.pk, "", 0))["seq"]
    await database_sync_to_async(scene.attempt.say)(metrics(11, 12))
    async with listening(scene, scene.cast.vera, f"job={scene.run.latest_job.code}&after={seq}") as socket:
        assert await socket.connect()
        found = await news(socket)
        assert [event["seq"] for event in found["events"]] == [seq + 1]
        assert found["points"]["train/loss"][0] == [11, 12]


async def test_a_page_goes_over_to_the_job_that_resumes_the_run(scene: Scene) -> None:
    async with listening(scene, scene.cast.vera) as socket:
        assert await socket.connect()
        first = await news(socket)
        await database_sync_to_async(scene.stop_and_resume)()
        last_events: list[dict[str, Any]] = []
        found = first
        while not any(event["type"] == "metrics" and event["up_to_step"] == 14 for event in last_events):
            found = await news(socket)
            last_events += found["events"]
        assert found["job"] != first["job"]
        assert any(event.get("resumed_from_step") == 10 for event in last_events)
        assert found["points"]["train/loss"] == [[11, 12, 13, 14], [2.0] * 4]


async def test_twenty_pages_are_told_by_one_reader(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    from contextlib import AsyncExitStack

    from webapp.runs import feed

    async with AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(listening(scene, scene.cast.vera)) for _ in range(20)]
        for socket in sockets:
            await socket.connect()
            await news(socket)
        assert len(feed._feeds) == 1
        await database_sync_to_async(scene.attempt.say)(metrics(11, 12))
        assert len({json.dumps((await news(socket))["points"]) for socket in sockets}) == 1
    assert not feed._feeds


def test_too_many_points_are_to_be_fetched_again(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webapp.runs.feed.MAX_POINTS", 5)
    scene = Scene()
    found = read_news(scene.run.pk, "", 0)
    assert found is not None
    assert found["refetch"] is True
    assert found["points"] == {}
