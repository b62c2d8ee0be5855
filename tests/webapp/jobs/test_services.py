"""Making, stopping, cancelling and retrying jobs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.factories import Cast
from tests.webapp.jobs.rows import claim, make_job, make_worker, train_spec
from webapp.jobs import kinds, wake
from webapp.jobs.ends import End
from webapp.jobs.errors import JobError, JobRefused
from webapp.jobs.finish import attempt_finish
from webapp.jobs.lease import lease_renew
from webapp.jobs.models import Attempt, Job, Lease, State
from webapp.jobs.services import job_cancel, job_create, job_retry, job_stop, team_limit_set

FAILED = End(outcome="failed", code="nan", sentence="The loss became NaN at step 5; lower the learning rate.")


class TestKind(kinds.JobKind):
    """Remembers what it was told."""

    __test__ = False
    name = "test"
    max_failures = 2

    def __init__(self) -> None:
        self.told: list[tuple[str, str, int | None]] = []

    def on_start(self, job: Job, attempt: Attempt) -> None:
        self.told.append(("start", job.state, attempt.fence))

    def on_end(self, job: Job, attempt: Attempt | None) -> None:
        self.told.append(("end", job.state, attempt.fence if attempt else None))


@pytest.fixture
def kind(monkeypatch: pytest.MonkeyPatch) -> TestKind:
    made = TestKind()
    monkeypatch.setitem(kinds._kinds, "test", made)
    return made


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[Attempt]:
    """Attempts for which the end hooks were called."""
    found: list[Attempt] = []
    monkeypatch.setattr(kinds, "_end_hooks", [found.append])
    return found


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    asked: list[Job] = []

    def refuse(job: Job) -> None:
        asked.append(job)
        if job.title == "too dear":
            raise JobRefused("The budget of 10 USD is used up.")

    monkeypatch.setattr(kinds, "_gates", [refuse])
    return asked


def test_new_job_waits_at_the_end_of_the_queue(cast: Cast, kind: TestKind) -> None:
    job = make_job(cast.project, kind="test", queue=None, created_by=cast.bob)
    job.refresh_from_db()
    assert (job.state, job.position, job.queue, job.max_failures) == (State.QUEUED, job.pk, "cpu", 2)
    assert job.team == cast.team
    event = job.events.get()
    assert (event.seq, event.type, event.payload["by"]) == (1, "queued", "Bob")


def test_gate_refuses_before_anything_is_made(cast: Cast, gate: list[Job]) -> None:
    with pytest.raises(JobRefused, match="used up"):
        make_job(cast.project, title="too dear")
    assert Job.objects.count() == 0
    make_job(cast.project)
    assert len(gate) == 2


def test_limit_on_waiting_jobs(cast: Cast) -> None:
    team_limit_set(team=cast.team, max_running=None, max_queued=2)
    make_job(cast.project)
    make_job(cast.project)
    with pytest.raises(JobRefused, match="2 jobs waiting"):
        make_job(cast.project)
    claim()
    make_job(cast.project)


def test_same_key_gives_the_same_job(cast: Cast) -> None:
    first = make_job(cast.project, idempotency_key="k")
    assert make_job(cast.project, idempotency_key="k").pk == first.pk
    assert make_job(cast.project, idempotency_key="other").pk != first.pk
    assert Job.objects.count() == 2


def test_same_key_at_once_gives_one_job(shared_cast: Cast, at_once: Callable[..., list[Any]]) -> None:
    jobs = at_once(lambda _: make_job(shared_cast.project, idempotency_key="double click").pk, 8)
    assert len(set(jobs)) == 1
    assert Job.objects.count() == 1


def test_broker_that_is_down_is_no_error(cast: Cast, settings: Any, django_capture_on_commit_callbacks: Any) -> None:
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "unix:///nowhere/valkey.sock",
        }
    }
    with django_capture_on_commit_callbacks(execute=True):
        job = make_job(cast.project)
    assert job.pk


def test_one_wake_up_at_most_is_under_way(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    from webapp.jobs.tasks import work

    sent: list[Any] = []
    monkeypatch.setattr(work, "apply_async", lambda **options: sent.append(options))
    wake.queue_woken("gpu")
    assert wake.queue_wake("gpu")
    assert not wake.queue_wake("gpu")
    wake.queue_woken("gpu")
    assert wake.queue_wake("gpu")
    assert len(sent) == 2
    assert sent[0]["queue"] == "gpu"
    assert sent[0]["expires"]
    wake.queue_woken("gpu")


def test_waiting_job_ends_at_once(cast: Cast, kind: TestKind) -> None:
    stopped = job_stop(job=make_job(cast.project, kind="test"), by=cast.bob)
    cancelled = job_cancel(job=make_job(cast.project, kind="test"), by=cast.bob)
    assert (stopped.state, cancelled.state) == (State.STOPPED, State.CANCELLED)
    assert stopped.reason
    assert kind.told == [("end", "stopped", None), ("end", "cancelled", None)]


def test_running_job_is_asked_and_a_cancel_outranks_a_stop(cast: Cast) -> None:
    job = make_job(cast.project)
    taken = claim()
    assert job_stop(job=job, by=cast.bob).state == State.STOPPING
    assert lease_renew(taken) == "stop"
    job_stop(job=job, by=cast.bob)
    assert job_cancel(job=job, by=cast.bob).stop_request == "cancel"
    assert lease_renew(taken) == "cancel"
    assert job_stop(job=job, by=cast.bob).stop_request == "cancel"
    assert [e.payload["request"] for e in job.events.filter(type="stop_requested")] == ["stop", "cancel"]


def test_ended_job_stays_as_it_is_when_asked(cast: Cast) -> None:
    job = make_job(cast.project)
    attempt_finish(claim(), FAILED)
    assert job_cancel(job=job, by=cast.bob).state == State.FAILED


def test_end_writes_reason_calls_hooks_and_frees_the_lease(cast: Cast, kind: TestKind, ended: list[Attempt]) -> None:
    job = make_job(cast.project, kind="test")
    assert attempt_finish(claim(), FAILED, energy_kwh=0.25, log_tail="last words") == State.FAILED
    job.refresh_from_db()
    assert (job.reason_code, job.reason) == (FAILED.code, FAILED.sentence)
    assert job.ended_at is not None
    attempt = Attempt.objects.get(job=job)
    assert (attempt.outcome, attempt.energy_kwh, attempt.log_tail) == ("failed", 0.25, "last words")
    assert [a.fence for a in ended] == [1]
    assert ended[0].ended_at is not None
    assert kind.told == [("start", "running", 1), ("end", "failed", 1)]
    assert not Lease.objects.exists()


def test_released_attempt_costs_no_try_and_is_paid_for(cast: Cast, kind: TestKind, ended: list[Attempt]) -> None:
    job, worker = make_job(cast.project, kind="test"), make_worker()
    for _ in range(5):
        left = End(outcome="released", code="worker_left", sentence="The worker shut down.")
        assert attempt_finish(claim(worker), left) == State.QUEUED
    job.refresh_from_db()
    assert (job.num_failures, job.fence) == (0, 5)
    assert [a.outcome for a in ended] == ["released"] * 5
    assert [told for told in kind.told if told[0] == "end"] == []


def test_out_of_memory_is_tried_again_once(cast: Cast) -> None:
    job, worker = make_job(cast.project, max_failures=10), make_worker()
    end = End(outcome="died", code="out_of_memory_host", sentence="The machine ran out of memory.")
    assert attempt_finish(claim(worker), end) == State.QUEUED
    assert attempt_finish(claim(worker), end) == State.FAILED
    job.refresh_from_db()
    assert job.reason_code == "out_of_memory_host"


def test_hook_that_fails_does_not_keep_the_job_from_ending(
    cast: Cast, kind: TestKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_attempt: Attempt) -> None:
        raise RuntimeError("no price")

    monkeypatch.setattr(kinds, "_end_hooks", [broken])
    make_job(cast.project, kind="test")
    assert attempt_finish(claim(), FAILED) == State.FAILED
    assert ("end", "failed", 1) in kind.told


def test_retry_makes_a_new_job(cast: Cast, kind: TestKind) -> None:
    job = make_job(cast.project, kind="test")
    with pytest.raises(JobError, match="queued"):
        job_retry(job=job, by=cast.bob)
    attempt_finish(claim(), FAILED)
    job.refresh_from_db()
    again = job_retry(job=job, by=cast.bob)
    assert again.pk != job.pk
    assert (again.state, again.spec, again.created_by) == (State.QUEUED, job.spec, cast.bob)
    job.refresh_from_db()
    assert job.state == State.FAILED


def test_unknown_kind_is_our_own_bug(cast: Cast) -> None:
    with pytest.raises(KeyError):
        job_create(project=cast.project, kind="nonsense", spec=train_spec(), created_by=None)
