"""Fences: once a job was taken away from an attempt, nothing that attempt writes has any effect."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from tests.factories import Cast
from tests.webapp.jobs.rows import claim, make_job, make_worker
from trainer.events import AnyEvent, Finished, Journal, Message, Progress, Sample
from webapp.jobs.claim import Claim
from webapp.jobs.ends import End
from webapp.jobs.errors import Fenced
from webapp.jobs.finish import attempt_finish
from webapp.jobs.journal import JournalTail, journal_store
from webapp.jobs.lease import lease_renew
from webapp.jobs.models import Attempt, Job, JobEvent, Lease, State
from webapp.jobs.purge import purging
from webapp.jobs.reap import leases_left_behind, leases_reap

DONE = End(outcome="succeeded", code="done", sentence="")


@pytest.fixture(autouse=True)
def _no_grace(settings: Any) -> None:
    settings.ISOCOST_REAP_GRACE_SECONDS = 0


def lapse(job: Job) -> None:
    Lease.objects.filter(job=job).update(until=timezone.now() - timedelta(seconds=1))


def says(*texts: str) -> list[AnyEvent]:
    return [Message(line=i, at=1.7e9 + i, text=text) for i, text in enumerate(texts, start=1)]


def test_zombie_can_write_nothing_after_its_lease_was_reaped(cast: Cast) -> None:
    job, worker = make_job(cast.project), make_worker()
    zombie = claim(worker)
    lapse(job)
    assert leases_reap() == 1
    again = claim(worker)
    assert again.fence == 2
    before = JobEvent.objects.count()
    for write in (
        lambda: lease_renew(zombie),
        lambda: journal_store(zombie, says("I am not dead")),
        lambda: attempt_finish(zombie, DONE),
    ):
        with pytest.raises(Fenced):
            write()
    assert JobEvent.objects.count() == before
    journal_store(again, says("I am the one"))
    assert attempt_finish(again, DONE) == State.SUCCEEDED
    with pytest.raises(Fenced):
        attempt_finish(again, DONE)


def test_zombie_is_refused_even_before_anybody_else_claims(cast: Cast) -> None:
    job = make_job(cast.project)
    zombie = claim()
    lapse(job)
    leases_reap()
    with pytest.raises(Fenced):
        journal_store(zombie, says("still here"))


def test_lapsed_lease_that_nobody_reaped_is_renewed(cast: Cast) -> None:
    job = make_job(cast.project)
    taken = claim()
    lapse(job)
    assert lease_renew(taken) == ""
    assert leases_reap() == 0
    assert Lease.objects.get(job=job).until > timezone.now()


def test_reaper_waits_after_the_database_started(cast: Cast, settings: Any) -> None:
    job = make_job(cast.project)
    claim()
    lapse(job)
    settings.ISOCOST_REAP_GRACE_SECONDS = 1e9
    assert leases_reap() == 0
    settings.ISOCOST_REAP_GRACE_SECONDS = 0
    assert leases_reap() == 1


def test_worker_that_starts_again_takes_back_what_its_predecessor_held(cast: Cast) -> None:
    job = make_job(cast.project)
    taken = claim()
    noted = list(Lease.objects.all())
    lease_renew(taken)
    assert leases_left_behind(noted) == 0, "it was renewed since: its holder lives"
    assert leases_left_behind(list(Lease.objects.all())) == 1
    job.refresh_from_db()
    assert (job.state, job.reason_code) == (State.QUEUED, "worker_lost")
    with pytest.raises(Fenced):
        lease_renew(taken)


def test_reaped_attempt_ended_at_its_last_sign_of_life(cast: Cast) -> None:
    job = make_job(cast.project)
    claim()
    renewed = timezone.now() - timedelta(minutes=5)
    Lease.objects.filter(job=job).update(until=renewed + timedelta(minutes=1), renewed_at=renewed)
    leases_reap()
    attempt = Attempt.objects.get(job=job)
    assert (attempt.outcome, attempt.reason_code, attempt.ended_at) == ("died", "worker_lost", renewed)


def test_job_is_given_up_after_as_many_deaths_as_it_may_die(cast: Cast) -> None:
    job, worker = make_job(cast.project, max_failures=3), make_worker()
    for expected in (State.QUEUED, State.QUEUED, State.FAILED):
        claim(worker)
        lapse(job)
        leases_reap()
        job.refresh_from_db()
        assert job.state == expected
    assert (job.reason_code, job.num_failures) == ("worker_lost", 3)
    assert job.reason


def test_reaped_while_stopping_ends_as_was_asked(cast: Cast) -> None:
    from webapp.jobs.services import job_cancel, job_stop

    for ask, expected in ((job_stop, State.STOPPED), (job_cancel, State.CANCELLED)):
        job = make_job(cast.project)
        claim()
        ask(job=job, by=cast.bob)
        lapse(job)
        leases_reap()
        job.refresh_from_db()
        assert job.state == expected


def test_events_of_all_attempts_and_of_the_web_app_have_no_gap(cast: Cast) -> None:
    job, worker = make_job(cast.project), make_worker()
    first = claim(worker)
    journal_store(first, says("a", "b"))
    lapse(job)
    leases_reap()
    second = claim(worker)
    journal_store(second, says("c"))
    attempt_finish(second, DONE)
    rows = list(JobEvent.objects.filter(job=job).order_by("seq").values_list("seq", "type", "fence", "line"))
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
    assert [row[1:] for row in rows] == [
        ("queued", 0, None),
        ("claimed", 1, None),
        ("message", 1, 1),
        ("message", 1, 2),
        ("requeued", 1, None),
        ("claimed", 2, None),
        ("message", 2, 1),
        ("ended", 2, None),
    ]


def test_writers_at_once_leave_no_gap(shared_cast: Cast, at_once: Callable[..., list[Any]]) -> None:
    job = make_job(shared_cast.project)
    taken = claim(make_worker())

    def write(number: int) -> None:
        journal_store(taken, [Message(line=100 + number, at=1.7e9, text=str(number))])

    at_once(write, 24)
    seqs = list(JobEvent.objects.filter(job=job).order_by("seq").values_list("seq", flat=True))
    assert seqs == list(range(1, len(seqs) + 1))
    assert Job.objects.get(pk=job.pk).last_seq == len(seqs)


def test_reading_a_journal_twice_adds_nothing(cast: Cast) -> None:
    job = make_job(cast.project)
    taken = claim()
    journal_store(taken, says("a", "b"))
    journal_store(taken, says("a", "b"))
    journal_store(taken, says("a", "b", "c"))
    texts = [payload["text"] for payload in job.events.filter(type="message").values_list("payload", flat=True)]
    assert texts == ["a", "b", "c"]


def write_journal(path: Path, *events: AnyEvent) -> None:
    journal = Journal(path)
    for event in events:
        journal.write(event)
    journal.close()


def test_tail_reads_whole_lines_only_and_goes_on_where_it_stored(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    tail = JournalTail(path)
    assert tail.read() == []
    write_journal(path, *says("a", "b"))
    with open(path, "ab") as file:
        file.write(b'{"type":"mess')
    assert [event.text for event in tail.read()] == ["a", "b"]
    assert [event.text for event in tail.read()] == ["a", "b"], "not stored yet: read again"
    tail.advance()
    assert tail.read() == []
    with open(path, "ab") as file:
        file.write(b'age","line":3,"text":"c"}\n')
    assert [(event.line, event.text) for event in tail.read()] == [(3, "c")]


def test_bad_line_becomes_a_warning_with_its_number(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"type":"message","line":1,"text":"a"}\nnonsense\n{"type":"message","line":3,"text":"c"}\n')
    events = JournalTail(path).read()
    assert [event.line for event in events] == [1, 2, 3]
    assert events[1].code == "bad_line"


def test_text_with_nul_is_kept_readable(cast: Cast, tmp_path: Path) -> None:
    make_job(cast.project)
    taken = claim()
    write_journal(tmp_path / "j", Sample(step=1, output="a\x00b \\u0000 \\"))
    journal_store(taken, JournalTail(tmp_path / "j").read())
    assert JobEvent.objects.get(type="sample").payload["output"] == "a␀b \\u0000 \\"


def test_progress_moves_the_jobs_figures_and_only_the_last_is_kept(cast: Cast) -> None:
    job = make_job(cast.project)
    taken = claim()
    journal_store(taken, [Progress(line=i, done=i, total=10, phase="training", seconds_left=9.0) for i in range(1, 6)])
    job.refresh_from_db()
    assert (job.progress_done, job.progress_fraction, job.progress_phase) == (5, 0.5, "training")
    assert job.events.filter(type="progress").count() == 1
    assert Attempt.objects.get(job=job).num_lines == 5


def raw_update(job: Job, **fields: Any) -> None:
    with transaction.atomic():
        Job.objects.filter(pk=job.pk).update(**fields)


def ended_job(cast: Cast) -> tuple[Job, Claim]:
    job = make_job(cast.project)
    taken = claim()
    journal_store(taken, [Finished(line=1, at=1.7e9)])
    attempt_finish(taken, DONE)
    job.refresh_from_db()
    return job, taken


@pytest.mark.parametrize(
    "fields", [{"state": "queued", "ended_at": None}, {"reason": "rewritten"}, {"fence": 9}, {"last_seq": 99}], ids=str
)
def test_ended_job_never_changes(cast: Cast, fields: dict[str, Any]) -> None:
    job, _ = ended_job(cast)
    with pytest.raises(DatabaseError, match="never reopens"):
        raw_update(job, **fields)


def test_title_of_an_ended_job_may_change(cast: Cast) -> None:
    job, _ = ended_job(cast)
    raw_update(job, title="named later")


def test_history_is_neither_changed_nor_deleted(cast: Cast) -> None:
    job, _ = ended_job(cast)
    for write in (
        lambda: JobEvent.objects.filter(job=job).update(payload={}),
        lambda: JobEvent.objects.filter(job=job).delete(),
        lambda: Attempt.objects.filter(job=job).update(outcome="succeeded", reason="rewritten"),
        lambda: Job.objects.filter(pk=job.pk).delete(),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            write()
    with purging():
        Attempt.objects.filter(job=job).delete()


def test_fence_never_goes_back(cast: Cast) -> None:
    job = make_job(cast.project)
    claim()
    with pytest.raises(DatabaseError, match="only grow"):
        raw_update(job, fence=0)
