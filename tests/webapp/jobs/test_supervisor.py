"""The supervisor with real processes: follows, stops, escalates, classifies, and leaves nothing running."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.db import connection, transaction

from tests.factories import Cast
from tests.webapp.jobs.rows import claim, make_job, make_worker
from trainer.folder import AttemptSpec
from webapp.jobs import supervisor
from webapp.jobs.models import Attempt, Job, Lease, State
from webapp.jobs.moves import job_move
from webapp.jobs.services import job_cancel, job_stop

SCRIPT = "tests.webapp.jobs.trainer_for_tests"


class Run:
    """One job under a supervisor in a thread of its own."""

    def __init__(self, job: Job, leaving: threading.Event) -> None:
        self.job, self.leaving = job, leaving
        self.claim = claim(make_worker())
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        try:
            supervisor.Supervisor(self.claim, leaving=self.leaving).run()
        finally:
            connection.close()

    def wait_for(self, event_type: str) -> None:
        deadline = time.monotonic() + 20
        while not self.job.events.filter(type=event_type).exists():
            assert time.monotonic() < deadline, f"no event {event_type}"
            time.sleep(0.02)

    def end(self, *, timeout: float = 20) -> tuple[str, str, str]:
        """Return state, reason code and the attempt's outcome, when the supervisor has returned."""
        self.thread.join(timeout)
        assert not self.thread.is_alive()
        self.job.refresh_from_db()
        return self.job.state, self.job.reason_code, Attempt.objects.get(job=self.job, fence=self.claim.fence).outcome


@pytest.fixture
def start(shared_cast: Cast, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    settings.ISOCOST_FILES = tmp_path
    settings.ISOCOST_RENEW_SECONDS = 0.3
    monkeypatch.setattr(supervisor, "CANCEL_TERM_SECONDS", 0.3)
    monkeypatch.setattr(supervisor, "CANCEL_KILL_SECONDS", 0.8)

    def begin(behaviour: str, **job: Any) -> Run:
        def command(job: Job, spec: AttemptSpec) -> list[str]:
            return [sys.executable, "-m", SCRIPT, str(job.folder.attempt(spec.fence).path), behaviour]

        monkeypatch.setattr(supervisor, "trainer_command", command)
        return Run(make_job(shared_cast.project, **job), threading.Event())

    return begin


def test_every_line_arrives_once_in_order(start: Callable[..., Run]) -> None:
    run = start("chatty")
    assert run.end() == ("succeeded", "done", "succeeded")
    texts = run.job.events.filter(type="message").order_by("seq").values_list("payload__text", flat=True)
    assert list(texts) == [str(number) for number in range(500)]
    assert not Lease.objects.exists()


def test_what_waits_for_the_end_of_a_job_makes_nobody_say_that_its_lease_was_lost(
    start: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A hook may begin long work once the end is committed; by then the lease is gone, and rightly so."""
    slow = lambda _: transaction.on_commit(lambda: time.sleep(1.2))  # noqa: E731  four renewals
    monkeypatch.setattr("webapp.jobs.finish.end_hooks", lambda: [slow])
    assert start("chatty").end() == ("succeeded", "done", "succeeded")
    assert "lost its lease" not in caplog.text


def test_stop_is_passed_on_at_once(start: Callable[..., Run], settings: Any) -> None:
    settings.ISOCOST_RENEW_SECONDS = 30.0
    run = start("polite")
    run.wait_for("started")
    asked = time.monotonic()
    job_stop(job=run.job, by=None)
    assert run.end() == ("stopped", "stopped", "stopped")
    assert time.monotonic() - asked < 5, "the doorbell, not the renewal after 30 s"
    assert run.job.reason == "Saved at step 7."


def test_trainer_that_ignores_a_cancel_is_killed(start: Callable[..., Run]) -> None:
    run = start("stubborn")
    run.wait_for("started")
    job_cancel(job=run.job, by=None)
    assert run.end() == ("cancelled", "cancelled", "cancelled")


def test_worker_that_leaves_puts_the_job_back(start: Callable[..., Run]) -> None:
    run = start("polite")
    run.wait_for("started")
    run.leaving.set()
    assert run.end() == ("queued", "", "released")
    assert run.job.num_failures == 0


def test_trainer_that_says_nothing_is_ended(start: Callable[..., Run], settings: Any) -> None:
    settings.ISOCOST_HANG_SECONDS = 1.0
    assert start("silent").end() == ("queued", "hung", "died")


def test_death_by_a_signal_is_tried_again(start: Callable[..., Run]) -> None:
    run = start("segfault")
    assert run.end() == ("queued", "killed_trainer", "died")
    assert "SIGSEGV" in run.job.reason


def test_last_death_fails_the_job(start: Callable[..., Run]) -> None:
    assert start("segfault", max_failures=1).end() == ("failed", "killed_trainer", "died")


def test_crash_before_the_first_word_keeps_the_log(start: Callable[..., Run]) -> None:
    run = start("crash")
    assert run.end() == ("failed", "crash", "failed")
    tail = Attempt.objects.get(job=run.job).log_tail
    assert "fell over before the first word" in tail
    assert len(tail.splitlines()) <= 50


def test_nothing_that_the_trainer_started_is_left(start: Callable[..., Run]) -> None:
    run = start("children")
    assert run.end()[0] == "succeeded"
    child = int(run.job.events.get(type="message").payload["text"])
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


def test_job_taken_away_ends_the_trainer_and_writes_nothing(start: Callable[..., Run]) -> None:
    run = start("silent")
    run.wait_for("started")
    pid = run.job.events.get(type="started").payload["pid"]
    job_move(run.job.pk, old=[State.RUNNING], new=State.QUEUED, say="requeued")
    Lease.objects.all().delete()
    before = run.job.events.count()
    assert run.end(timeout=5)[0] == "queued"
    assert run.job.events.count() == before
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_folder_that_cannot_be_made_fails_the_job_with_the_reason(start: Callable[..., Run], settings: Any) -> None:
    in_the_way = Path(settings.ISOCOST_FILES) / "file"
    in_the_way.write_text("not a folder")
    settings.ISOCOST_FILES = in_the_way
    run = start("polite")
    assert run.end() == ("failed", "not_run", "failed")
    assert "file" in run.job.reason
