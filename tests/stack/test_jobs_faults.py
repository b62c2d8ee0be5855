"""A job is never lost and never runs twice: SIGKILL of each part at a seeded random moment of a run, and the rest.

Each test fails if nothing was running at the kill.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.stack.installation import Installation, eventually
from tests.stack.jobs_watch import JobUnderTest, Viewer, assert_history_is_whole, inside, start_run
from tests.stack.sweeps_watch import SweepUnderTest
from webapp.ops.home import CHECKOUT

pytestmark = pytest.mark.stack
SEED = 20261123


@pytest.fixture(autouse=True)
def nothing_left_in_the_queue(stack: Installation) -> Iterator[None]:
    """A test that fails while its run is in the queue must not hold up the tests after it."""
    yield
    unfinished = "SELECT count(*) FROM jobs_job WHERE ended_at IS NULL"
    if stack.query(unfinished)[0][0]:
        inside(stack, "cancel_all()")
        eventually(lambda: not stack.query(unfinished)[0][0], what="the queue is empty", timeout_seconds=30)


def kill_group(stack: Installation, name: str) -> int:
    """SIGKILL a process and all of its group."""
    pid = stack.pids[name]
    assert psutil.pid_exists(pid), f"{name} must run when it is killed"
    os.killpg(os.getpgid(pid), signal.SIGKILL)
    return pid


def kill_trainer(job: JobUnderTest) -> None:
    trainers = job.trainers()
    assert trainers, "nothing was running at the kill"
    os.killpg(trainers[0].pid, signal.SIGKILL)


def test_run_outlives_the_kill_of_every_part(stack: Installation) -> None:
    """The trainer, the worker, Valkey, PostgreSQL and the web server are killed in turn; the page goes on by itself."""
    chance = random.Random(SEED)
    client = stack.client()
    job = start_run(stack, num_steps=900, every_steps=25, name="survivor")
    viewer = Viewer(client, job)
    watching = viewer.watch()
    for victim in ("trainer", "worker-cpu", "valkey", "web", "postgres"):
        job.wait_for_step(job.step + chance.randint(15, 60))
        assert job.trainers(), "nothing was running at the kill"
        if victim == "trainer":
            kill_trainer(job)
        else:
            old = kill_group(stack, victim)
            stack.wait_healed(victim, old)
    assert job.wait_for_end() == "succeeded", job.describe()
    assert_history_is_whole(job)
    outcomes = [attempt[1:3] for attempt in job.attempts()]
    assert ("died", "killed_trainer") in outcomes
    assert ("died", "worker_lost") in outcomes
    assert outcomes[-1] == ("succeeded", "done")
    assert len(outcomes) == 3, f"Valkey, PostgreSQL and the web server must not cost an attempt: {outcomes}"
    watching.join(30)
    assert viewer.seqs == list(range(1, len(job.events()) + 1)), "the page saw every event once, in order"
    assert viewer.num_connections >= 2, "the socket was cut when the web server was killed"
    eventually(lambda: not job.trainers(), what="no process is left", timeout_seconds=10)
    assert_equals_undisturbed(stack, job)


def assert_equals_undisturbed(stack: Installation, job: JobUnderTest) -> None:
    """The same run without any kill ends with the same numbers, to the last bit."""
    calm = start_run(stack, num_steps=900, every_steps=25, name="calm")
    assert calm.wait_for_end() == "succeeded"
    results = [each.events("finished")[0][3]["result"]["test"] for each in (job, calm)]
    assert results[0] == results[1]


def test_a_sweep_outlives_its_worker_and_stops_what_falls_behind(stack: Installation) -> None:
    """A bad rate has nobody to be compared with and ends; a good one goes on through a kill; a bad one after it is stopped."""
    num_steps, first_rung = 1_200, 120
    owner = stack.client()
    rates = {"optimizer.learning_rate": "1e-6, 1e-2, 1e-7"}
    sweep = SweepUnderTest.start(
        stack, owner, rates, num_steps=num_steps, first_rung=first_rung, halving_factor=2
    )  # fmt: skip
    with sweep.held(2, once=lambda job: job.events("checkpoint")) as job:
        old = kill_group(stack, "worker-cpu")
        stack.wait_healed("worker-cpu", old)
    with sweep.held(3, once=lambda job: job.events("evaluation")) as third:
        eventually(lambda: sweep.trials("t.stopped_at_step")[2][0], what=sweep.describe)
        third.wait_until_told()  # thawed before, it might come to its last step first
    assert sweep.wait_until_done() in ("All 3 runs are made.", "The grid is complete.")
    assert [attempt[2] for attempt in job.attempts()] == ["worker_lost", "done"]
    assert job.events("started")[1][3]["resumed_from_step"] >= first_rung
    assert sweep.trials("t.number", "j.state", "t.stopped_at_step") == [
        (1, "succeeded", None), (2, "succeeded", None), (3, "stopped", first_rung),
    ]  # fmt: skip
    (bad,), (good,), (stopped,) = sweep.trials("t.value")
    assert good < bad
    assert good < stopped
    page = owner.get(f"/sweeps/{sweep.code}/").text
    assert page.count("<polyline") == 2 * 3  # for wide and for narrow windows
    assert page.count('class="is-best"') == 1


def test_job_made_while_valkey_is_away_still_starts(stack: Installation) -> None:
    os.kill(stack.pids["valkey"], signal.SIGSTOP)
    old = stack.pids["valkey"]
    job = start_run(stack, num_steps=5)
    os.kill(old, signal.SIGKILL)
    stack.wait_healed("valkey", old)
    assert job.wait_for_end(timeout_seconds=60) == "succeeded"


def test_stop_saves_and_the_resumed_job_goes_on(stack: Installation) -> None:
    job = start_run(stack, num_steps=100_000, every_steps=1_000)
    job.wait_for_step(30)
    inside(stack, f"ask({job.code!r}, 'stop')")
    assert job.wait_for_end(timeout_seconds=15) == "stopped"
    stopped_at = job.events("checkpoint")[-1][3]["step"]
    assert stopped_at >= 30
    resumed = inside(stack, f"resume({job.run!r})")
    again = JobUnderTest(stack=stack, code=resumed["job"], folder=resumed["folder"])
    eventually(lambda: again.events("started"), what=again.describe(), timeout_seconds=40)
    assert again.events("started")[0][3]["resumed_from_step"] == stopped_at
    inside(stack, f"ask({again.code!r}, 'cancel')")
    assert again.wait_for_end(timeout_seconds=12) == "cancelled"
    eventually(lambda: not again.trainers(), what="no process is left", timeout_seconds=5)


def test_request_is_seen_at_once(stack: Installation) -> None:
    """The doorbell, not the next renewal, brings a request to the trainer."""
    job = start_run(stack, num_steps=100_000, every_steps=100_000)
    job.wait_for_step(5)
    inside(stack, f"ask({job.code!r}, 'cancel')")
    asked = job.rows(
        "SELECT max(e.at) FROM jobs_jobevent e JOIN jobs_job j ON j.id = e.job_id WHERE j.code = %s AND type = %s",
        job.code,
        "stop_requested",
    )[0][0]
    job.wait_for_end(timeout_seconds=12)
    assert (job.row("ended_at") - asked).total_seconds() < 3


def test_worker_that_is_told_to_leave_costs_no_try(stack: Installation) -> None:
    job = start_run(stack, num_steps=600, every_steps=100)
    job.wait_for_step(30)
    step = job.step
    stack.kill("worker-cpu", number=signal.SIGTERM)
    eventually(lambda: job.attempts()[0][1], what="the attempt ends", timeout_seconds=30)
    assert job.attempts()[0][1:3] == ("released", "worker_left")
    assert job.row("num_failures") == 0
    assert job.wait_for_end() == "succeeded", job.describe()
    started = job.events("started")
    assert started[1][3]["resumed_from_step"] >= step, "it had saved before it left"
    assert job.row("num_failures") == 0
    assert_history_is_whole(job)


@contextlib.contextmanager
def second_worker(stack: Installation) -> Iterator[subprocess.Popen[bytes]]:
    """Run one more worker on the same queue."""
    options = ["worker", "--pool=threads", "--concurrency=1", "--queues=cpu", "--hostname=second@%h"]
    environment = stack.environment | {"DJANGO_SETTINGS_MODULE": "webapp.settings", "ISOCOST_URL": stack.url}
    process = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "webapp.celery", *options, "--without-gossip", "--without-mingle"],
        cwd=CHECKOUT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(30)
        process.kill()


def test_frozen_worker_is_fenced_when_it_thaws(stack: Installation) -> None:
    """SIGSTOP beyond the lease: another worker takes the job over, and what the first one then writes has no effect."""
    job = start_run(stack, num_steps=2_000, every_steps=50)
    job.wait_for_step(20)
    frozen = stack.pids["worker-cpu"]
    first_trainer = job.trainers()[0]
    os.kill(frozen, signal.SIGSTOP)
    try:
        with second_worker(stack):
            eventually(
                lambda: job.row("fence") >= 2 and len(job.events("started")) >= 2,
                what=lambda: f"another worker takes over: {job.describe()} {job.locks()}",
                timeout_seconds=120,
            )
            os.kill(frozen, signal.SIGCONT)
            eventually(lambda: not first_trainer.is_running(), what="the zombie's trainer ends", timeout_seconds=5)
            inside(stack, f"ask({job.code!r}, 'stop')")
            assert job.wait_for_end() == "stopped"
            assert_history_is_whole(job)
            outcomes = [attempt[1] for attempt in job.attempts()]
            assert outcomes[-1] == "stopped"
            assert set(outcomes[:-1]) == {"died"}
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(frozen, signal.SIGCONT)


def test_crash_at_the_start_keeps_the_last_lines_of_the_log(stack: Installation) -> None:
    """A journal that is in the way makes the trainer fall over before it can say anything."""
    stack.query("INSERT INTO jobs_queuecontrol (queue, is_paused) VALUES ('cpu', true)")
    job = start_run(stack, num_steps=5)
    journal = Path(job.folder) / "attempts" / "1" / "events.jsonl"
    journal.parent.mkdir(parents=True)
    journal.touch()
    stack.query("UPDATE jobs_queuecontrol SET is_paused = false")
    assert job.wait_for_end(timeout_seconds=40) == "failed"
    assert job.row("reason_code") == "crash"
    assert "already has a journal" in job.attempts()[0][3]
    page = stack.client().get(f"/jobs/{job.code}/").text
    assert "already has a journal" in page


def test_trainer_gets_no_secret(stack: Installation) -> None:
    job = start_run(stack, num_steps=100_000, every_steps=100_000)
    eventually(job.trainers, what="it runs")
    environment = eventually(lambda: job.trainers()[0].environ(), what="its environment")
    assert not [name for name in environment if name.startswith("ISOCOST_") or name.endswith("_URL")]
    assert job.trainers()[0].nice() == 10
    inside(stack, f"ask({job.code!r}, 'cancel')")
    job.wait_for_end(timeout_seconds=20)


def test_idle_workers_beat(stack: Installation) -> None:
    def silence() -> float:
        statement = (
            "SELECT extract(epoch FROM clock_timestamp() - min(seen_at)) FROM jobs_worker WHERE stopped_at IS NULL"
        )
        return float(stack.query(statement)[0][0])

    assert eventually(lambda: silence() < 5, what="all workers beat")
    time.sleep(2)
    assert silence() < 5
