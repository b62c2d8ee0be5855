"""Live events over the websocket and a real Valkey: resumed without a gap, shared by all who watch, closed with a reason."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.db import database_sync_to_async

from tests.factories import Cast
from tests.webapp.jobs.rows import claim, make_job, make_worker
from tests.webapp.jobs.socket_client import Socket, open_as
from trainer.events import Message
from webapp.jobs import ear, sockets, stream
from webapp.jobs.claim import Claim
from webapp.jobs.ends import End
from webapp.jobs.finish import attempt_finish
from webapp.jobs.journal import journal_store
from webapp.jobs.messages import News
from webapp.jobs.models import Job
from webapp.jobs.services import job_stop
from webapp.teams.models import Membership, User

pytestmark = pytest.mark.django_db(transaction=True)
in_thread = database_sync_to_async


def start(cast: Cast) -> tuple[Job, Claim]:
    job = make_job(cast.project)
    return job, claim(make_worker())


def say(taken: Claim, first: int, count: int = 1) -> None:
    journal_store(taken, [Message(line=n, at=1.7e9, text=str(n)) for n in range(first, first + count)])


def texts(news: dict[str, Any] | News) -> list[str]:
    events = news.events if isinstance(news, News) else news["events"]
    return [event["payload"]["text"] for event in events if event["type"] == "message"]


def socket(cast: Cast, user: User | None, job: Job, *, after: int = 0, **options: Any) -> Socket:
    """Return a browser's socket on a job."""
    return open_as(cast, user, f"/ws/jobs/{job.code}/?after={after}", **options)


async def collect(browser: Socket, wanted: int) -> tuple[list[int], list[str]]:
    """Receive until so many events have come; return their numbers and texts."""
    seqs: list[int] = []
    found: list[str] = []
    while len(seqs) < wanted:
        news = await browser.receive()
        seqs += [event["seq"] for event in news["events"]]
        found += texts(news)
    return seqs, found


async def test_socket_tells_what_was_and_then_what_comes(shared_cast: Cast) -> None:
    job, taken = await in_thread(start)(shared_cast)
    await in_thread(say)(taken, 1, 3)
    browser = await in_thread(socket)(shared_cast, shared_cast.vera, job)
    assert await browser.connect()
    seqs, _ = await collect(browser, 5)
    assert seqs == [1, 2, 3, 4, 5]
    await in_thread(say)(taken, 4)
    assert (await collect(browser, 1)) == ([6], ["4"])
    await in_thread(attempt_finish)(taken, End(outcome="succeeded", code="done", sentence=""))
    news = await browser.receive()
    assert (news["job"]["state"], news["job"]["is_final"]) == ("succeeded", True)
    assert await browser.close_code() == 1000


async def test_resumed_socket_gets_each_event_once_and_in_order(shared_cast: Cast) -> None:
    """An event comes every moment; the browser reconnects again and again, each time from where it was."""
    job, taken = await in_thread(start)(shared_cast)
    total = 120

    def write_all() -> None:
        for number in range(total):
            say(taken, number + 1)

    writing = asyncio.create_task(in_thread(write_all, thread_sensitive=False)())
    seen: list[int] = []
    while len(seen) < total + 2:
        after = seen[-1] if seen else 0
        browser = await in_thread(socket)(shared_cast, shared_cast.bob, job, after=after)
        await browser.connect()
        seqs, _ = await collect(browser, min(13, total + 2 - len(seen)))
        seen += seqs
        await browser.disconnect()
    await writing
    assert seen == list(range(1, total + 3))


async def test_watcher_reads_again_what_was_said_before_its_reader_began() -> None:
    """A watcher that has seen 3 hears that the reader began behind 5: 4 and 5 are in the database alone."""
    watcher = stream.Watcher()
    watcher.give(News(job={}, events=[], last_seq=5, is_complete=True))
    assert [news async for news in watcher.live(3)] == []


async def test_many_watch_and_one_reads(shared_cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    job, taken = await in_thread(start)(shared_cast)
    browsers = [await in_thread(socket)(shared_cast, shared_cast.vera, job) for _ in range(12)]
    for browser in browsers:
        await browser.connect()
        await collect(browser, 2)
    reads: list[int] = []
    read = stream.job_news

    def counted(job_id: int, *, after: int, **options: Any) -> News:
        reads.append(after)
        return read(job_id, after=after, **options)

    monkeypatch.setattr(stream, "job_news", counted)
    await in_thread(say)(taken, 1)
    for browser in browsers:
        assert (await collect(browser, 1))[1] == ["1"]
    assert len(reads) <= 6, "twelve watchers must not be twelve readers"  # it also looks again after joining
    for browser in browsers:
        await browser.disconnect()


async def test_slow_watcher_reads_again_and_misses_nothing(shared_cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MAX_WAITING", 2)
    job, taken = await in_thread(start)(shared_cast)
    following = stream.follow(job.pk, after=2)
    first = await anext(following)
    assert first.events == []
    for number in range(1, 11):
        await in_thread(say)(taken, number)
        await asyncio.sleep(0.03)
    found: list[str] = []
    async with asyncio.timeout(5):
        while len(found) < 10:
            found += texts(await anext(following))
    await following.aclose()
    assert found == [str(number) for number in range(1, 11)]


async def test_lost_doorbell_costs_a_moment_and_no_event(shared_cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "POLL_SECONDS", 0.2)
    job, taken = await in_thread(start)(shared_cast)
    browser = await in_thread(socket)(shared_cast, shared_cast.bob, job)
    await browser.connect()
    await collect(browser, 2)
    monkeypatch.setattr("webapp.jobs.doorbell.ring", lambda *_: None)
    await in_thread(say)(taken, 1)
    assert (await collect(browser, 1))[1] == ["1"]
    await browser.disconnect()


async def test_membership_of_a_group_that_lapsed_is_renewed(shared_cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ear, "REJOIN_SECONDS", 0.1)
    job, taken = await in_thread(start)(shared_cast)
    browser = await in_thread(socket)(shared_cast, shared_cast.bob, job)
    await browser.connect()
    await collect(browser, 2)
    await asyncio.sleep(0.5)
    await in_thread(say)(taken, 1)
    assert (await collect(browser, 1))[1] == ["1"]
    await browser.disconnect()


async def test_request_to_stop_is_seen_without_an_event_of_the_trainer(shared_cast: Cast) -> None:
    job, _ = await in_thread(start)(shared_cast)
    browser = await in_thread(socket)(shared_cast, shared_cast.bob, job)
    await browser.connect()
    await collect(browser, 2)
    await in_thread(job_stop)(job=job, by=shared_cast.bob)
    while (await browser.receive())["job"]["state"] != "stopping":
        pass
    await browser.disconnect()


async def test_strangers_and_the_signed_out_are_refused(shared_cast: Cast) -> None:
    job, _ = await in_thread(start)(shared_cast)
    for user, code in ((None, 4401), (shared_cast.charlie, 4404)):
        browser = await in_thread(socket)(shared_cast, user, job)
        await browser.connect()
        assert await browser.close_code() == code
    missing = await in_thread(socket)(shared_cast, shared_cast.bob, Job(code="nosuchjob222"))
    await missing.connect()
    assert await missing.close_code() == 4404


async def test_other_origins_are_refused(shared_cast: Cast) -> None:
    job, _ = await in_thread(start)(shared_cast)
    for origin in (b"https://evil.example", b"null", b"http://localhost.evil.example"):
        browser = await in_thread(socket)(shared_cast, shared_cast.bob, job, origin=origin)
        assert not await browser.connect()


def remove(user: User) -> None:
    Membership.objects.filter(user=user).delete()


def sign_out(user: User) -> None:
    from django.contrib.sessions.models import Session

    Session.objects.all().delete()


@pytest.mark.parametrize(("lose", "code"), [(remove, 4404), (sign_out, 4401)], ids=["removed", "signed out"])
async def test_open_socket_closes_when_access_is_lost(
    shared_cast: Cast, monkeypatch: pytest.MonkeyPatch, lose: Callable[[User], None], code: int
) -> None:
    assert sockets.RECHECK_SECONDS < 60
    monkeypatch.setattr(sockets, "RECHECK_SECONDS", 0.2)
    job, _ = await in_thread(start)(shared_cast)
    browser = await in_thread(socket)(shared_cast, shared_cast.bob, job)
    await browser.connect()
    await collect(browser, 2)
    await sync_to_async(lose)(shared_cast.bob)
    assert await browser.close_code() == code
