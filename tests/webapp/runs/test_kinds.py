"""What a run's events do to its rows, through the same door as a worker's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from tests.factories import Cast
from tests.webapp.runs.rows import make_spec, make_version
from trainer import events as ev
from webapp.jobs.claim import Claim, job_claim
from webapp.jobs.ends import End
from webapp.jobs.errors import JobError
from webapp.jobs.finish import attempt_finish
from webapp.jobs.journal import journal_store
from webapp.jobs.kinds import kind_of
from webapp.jobs.models import JobEvent, State, Worker
from webapp.runs import services
from webapp.runs.axes import axis_columns
from webapp.runs.checkpoints import best, checkpoint_pin, kept
from webapp.runs.metric_queries import metric_series
from webapp.runs.models import Checkpoint, Run

pytestmark = pytest.mark.django_db


class Attempt:
    """Plays the supervisor of one attempt: stores events as they come out of a journal."""

    def __init__(self, worker: Worker) -> None:
        claim = job_claim(worker=worker)
        assert claim is not None
        self.claim: Claim = claim
        self.line = 0

    def say(self, *events: Any) -> None:
        stamped = []
        for event in events:
            self.line += 1
            stamped.append(msgspec.structs.replace(event, line=self.line, at=1e9 + self.line))
        journal_store(self.claim, stamped)

    def end(self, outcome: str, code: str = "done") -> None:
        attempt_finish(self.claim, End(outcome=outcome, code=code, sentence=""))  # type: ignore[arg-type]

    def checkpoint(self, step: int, *, is_best: bool = False) -> ev.Checkpoint:
        return ev.Checkpoint(
            step=step,
            path=f"attempts/{self.claim.fence}/checkpoints/{step}",
            sha256="a" * 64,
            size_bytes=10,
            is_best=is_best,
        )


@pytest.fixture
def worker(db: None) -> Worker:
    return Worker.objects.create(name="w", host="h", queue="cpu")


@pytest.fixture
def run(cast: Cast, worker: Worker) -> Run:
    version = make_version(cast)
    return services.run_create(project=cast.project, created_by=cast.bob, version=version, spec=make_spec(version))


@pytest.fixture(autouse=True)
def files(tmp_path: Path, settings: Any) -> Iterator[Path]:
    settings.ISOCOST_FILES = tmp_path
    return tmp_path


def metrics(first: int, last: int, value: float = 1.0) -> ev.Metrics:
    steps = list(range(first, last + 1))
    return ev.Metrics(steps=steps, values={"train/loss": [value] * len(steps), "time/seconds": [0.5] * len(steps)})


def steps_and_values(run: Run) -> tuple[list[int], list[float]]:
    found = metric_series(run, "train/loss", max_points=1000).buckets
    return found.steps.tolist(), found.last.tolist()


def test_points_are_stored_and_the_event_says_only_where(run: Run, worker: Worker) -> None:
    attempt = Attempt(worker)
    attempt.say(ev.Started(pid=1, device="cpu"), metrics(1, 20), metrics(21, 30))
    assert steps_and_values(run)[0] == list(range(1, 31))
    payloads = list(
        JobEvent.objects.filter(job=run.latest_job, type="metrics").order_by("seq").values_list("payload", flat=True)
    )
    assert payloads == [
        {"type": "metrics", "from_step": 1, "up_to_step": 20, "keys": ["time/seconds", "train/loss"]},
        {"type": "metrics", "from_step": 21, "up_to_step": 30, "keys": ["time/seconds", "train/loss"]},
    ]
    run.refresh_from_db()
    assert run.last_step == 30
    assert run.summary["train/loss"]["last"] == 1.0


def test_what_a_batch_costs_does_not_depend_on_how_many_events_it_has(
    run: Run, worker: Worker, django_assert_max_num_queries: Any
) -> None:
    """A supervisor that was away finds thousands of blocks; they are stored as one."""
    attempt = Attempt(worker)
    attempt.say(ev.Started(pid=1, device="cpu"), metrics(1, 4))
    use = [ev.Metrics(steps=[9 + 5 * i], values={"system/cpu_fraction": [0.5]}) for i in range(190)]
    blocks = [metrics(5 + 5 * i, 9 + 5 * i) for i in range(190)]
    batch = [event for pair in zip(blocks, use, strict=True) for event in pair]
    with django_assert_max_num_queries(26):
        attempt.say(*batch, ev.Progress(done=954, total=2000))
    assert steps_and_values(run)[0] == list(range(1, 955))
    assert metric_series(run, "system/cpu_fraction", max_points=1000).buckets.steps.tolist()[-1] == 954
    run.refresh_from_db()
    assert axis_columns(run)["training_seconds"](np.array([954]))[0] == pytest.approx(954 * 0.5)


def test_a_step_told_again_in_the_same_batch_counts_once(run: Run, worker: Worker) -> None:
    Attempt(worker).say(metrics(1, 20, 1.0), metrics(11, 15, 2.0))
    assert steps_and_values(run) == (list(range(1, 16)), [1.0] * 10 + [2.0] * 5)


def test_axes_are_derived_without_anybody_logging_them(run: Run, worker: Worker) -> None:
    Attempt(worker).say(ev.Started(pid=1, device="cpu"), metrics(1, 20), metrics(21, 30))
    run.refresh_from_db()
    axes = axis_columns(run)
    at = np.array([10, 20, 30])
    assert axes["training_seconds"](at).tolist() == [5.0, 10.0, 15.0]
    assert axes["tokens"](at).tolist() == [10 * 4096, 20 * 4096, 30 * 4096]
    assert axes["flop"](at).tolist() == pytest.approx([s * 4096 * run.flop_per_token for s in (10, 20, 30)])
    assert axes["epoch"](at)[-1] == pytest.approx(30 * 4096 / 1_000_000)
    run.facts = {"examples_per_step": 4, "num_examples": 60}
    assert axis_columns(run)["epoch"](at).tolist() == pytest.approx([4 / 6, 8 / 6, 2])
    assert axes["device_hours"](at)[-1] == pytest.approx(15 / 3600)
    assert axes["usd"](at)[-1] > 0


def test_a_resumed_run_draws_each_step_once(run: Run, worker: Worker, cast: Cast) -> None:
    first = Attempt(worker)
    first.say(
        ev.Started(pid=1, device="cpu"),
        metrics(1, 50, 1.0),
        first.checkpoint(40),
        ev.Sample(step=45, output="x"),
        metrics(51, 60, 1.0),
    )
    first.end("stopped", "stopped")
    run.refresh_from_db()
    resumed = services.run_resume(run=run, by=cast.bob)
    assert kind_of("train").resume_from(resumed.latest_job) == [str(kept(run)[0].path)]
    second = Attempt(worker)
    assert second.claim.job_id == resumed.latest_job_id
    second.say(ev.Started(pid=1, device="cpu", resumed_from_step=40), metrics(41, 55, 2.0))
    steps, values = steps_and_values(run)
    assert steps == list(range(1, 56))
    assert values == [1.0] * 40 + [2.0] * 15
    run.refresh_from_db()
    assert run.last_step == 55
    assert not run.samples.exists()
    assert axis_columns(run)["training_seconds"](np.array([55]))[0] == pytest.approx(55 * 0.5)


def test_an_attempt_that_starts_anew_replaces_everything(run: Run, worker: Worker) -> None:
    first = Attempt(worker)
    first.say(ev.Started(pid=1, device="cpu"), metrics(1, 50))
    first.end("died", "killed_trainer")
    second = Attempt(worker)
    second.say(ev.Started(pid=2, device="cpu"))
    assert steps_and_values(run) == ([], [])
    second.say(metrics(1, 3, 2.0))
    assert steps_and_values(run) == ([1, 2, 3], [2.0] * 3)


def test_the_best_checkpoint_moves_and_there_is_one(run: Run, worker: Worker) -> None:
    attempt = Attempt(worker)
    attempt.say(attempt.checkpoint(10, is_best=True), attempt.checkpoint(20), attempt.checkpoint(30, is_best=True))
    assert list(Checkpoint.objects.filter(run=run, is_best=True).values_list("step", flat=True)) == [30]
    found = best(run)
    assert found is not None
    assert found.stored_path == f"jobs/{run.latest_job.code}/attempts/1/checkpoints/30"
    attempt.say(ev.CheckpointRemoved(step=20, path="attempts/1/checkpoints/20"))
    assert [row.step for row in kept(run)] == [30, 10]


def test_what_earlier_attempts_left_is_removed_in_the_end_but_not_the_best_or_pinned(
    run: Run, worker: Worker, cast: Cast, files: Path, django_capture_on_commit_callbacks: Any
) -> None:
    first = Attempt(worker)
    first.say(first.checkpoint(10, is_best=True), first.checkpoint(20), first.checkpoint(30), first.checkpoint(40))
    for row in Checkpoint.objects.filter(run=run):
        row.path.mkdir(parents=True)
    checkpoint_pin(checkpoint=Checkpoint.objects.get(step=20), pinned=True)
    assert (Checkpoint.objects.get(step=20).path / "pinned").exists()
    first.end("stopped", "stopped")
    run.refresh_from_db()
    services.run_resume(run=run, by=cast.bob)
    second = Attempt(worker)
    second.say(ev.Started(pid=1, device="cpu", resumed_from_step=40), second.checkpoint(50), second.checkpoint(60))
    with django_capture_on_commit_callbacks(execute=True):
        second.end("succeeded")
    assert [row.step for row in kept(run)] == [60, 50, 20, 10]
    assert sorted(int(path.name) for path in files.glob("jobs/*/attempts/*/checkpoints/*")) == [10, 20]


def test_machine_settings_are_kept_and_used_again(run: Run, worker: Worker, cast: Cast) -> None:
    attempt = Attempt(worker)
    machine = {"device": "cpu", "dtype": "float32", "compile": "off", "num_threads": 2}
    attempt.say(ev.Resolved(machine=machine, reasons={"compile": "off: no compiler"}, facts={"num_parameters": 77}))
    attempt.end("stopped", "stopped")
    run.refresh_from_db()
    assert (run.resolved, run.facts) == (machine, {"num_parameters": 77})
    job = services.run_resume(run=run, by=cast.bob).latest_job
    assert job.spec["machine"]["compile"] == "off"
    assert job.spec["machine"]["num_threads"] == 2
    assert job.spec["machine"]["deterministic"] is True
    assert kind_of("train").model_label(job) == "GPT 77"


def test_resuming_twice_makes_one_job_and_what_is_done_is_not_resumed(run: Run, worker: Worker, cast: Cast) -> None:
    with pytest.raises(JobError, match="still going"):
        services.run_resume(run=run, by=cast.bob)
    attempt = Attempt(worker)
    attempt.end("failed", "nan")
    run.refresh_from_db()
    once = services.run_resume(run=run, by=cast.bob).latest_job_id
    with pytest.raises(JobError, match="still going"):
        services.run_resume(run=run, by=cast.bob)
    run.refresh_from_db()
    assert run.latest_job_id == once
    Attempt(worker).end("succeeded")
    run.refresh_from_db()
    assert run.latest_job.state == State.SUCCEEDED
    with pytest.raises(JobError, match="all its steps"):
        services.run_resume(run=run, by=cast.bob)


def test_the_test_result_is_kept_with_the_run(run: Run, worker: Worker) -> None:
    Attempt(worker).say(
        ev.Evaluation(split="test", step=90, metrics={"loss": 1.5}),
        ev.Evaluation(split="validation", step=90, metrics={"loss": 1.4}),
    )
    run.refresh_from_db()
    assert run.test_metrics == {"loss": 1.5, "step": 90}


def test_a_model_may_write_what_the_database_cannot_hold(run: Run, worker: Worker) -> None:
    Attempt(worker).say(ev.Sample(step=5, prompt="汉", output="a\x00b"))
    assert run.samples.get().output == "a\ufffdb"
