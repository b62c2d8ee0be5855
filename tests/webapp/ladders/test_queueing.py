"""A ladder goes on by itself: each rung's job is made when the one before has ended, whatever happened meanwhile."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from economics.scaling.ladder_design import SizePlan
from tests.factories import Cast
from tests.webapp.ladders.rows import TRUTH, common, make_fit, make_seal, measured_worker
from tests.webapp.runs.test_kinds import Attempt
from trainer import events as ev
from webapp.jobs.models import State, Worker
from webapp.jobs.services import job_cancel
from webapp.ladders import services
from webapp.ladders.fits import fitted_law, repeat_noise
from webapp.ladders.models import Ladder, LadderPoint, ScalingFit, SealedPrediction
from webapp.ladders.outcomes import Outcome, outcomes_of, why_missed
from webapp.ladders.proposal import quoted
from webapp.ladders.queueing import LADDERS, ladder_continue
from webapp.ladders.rungs import COOLDOWN_FRACTION, trunk
from webapp.ladders.seals import content_hash, is_intact

pytestmark = pytest.mark.django_db
SIZES = tuple(SizePlan(num_params=n, num_tokens=(1e6, 2e6, 4e6)) for n in (2e5, 4e5, 8e5))


@pytest.fixture(autouse=True)
def files(tmp_path: Path, settings: Any) -> Path:
    settings.ISOCOST_FILES = tmp_path
    return tmp_path


@pytest.fixture
def worker(db: None) -> Worker:
    return measured_worker()


@pytest.fixture
def ladder(cast: Cast, worker: Worker, django_capture_on_commit_callbacks: Any) -> Ladder:
    shared = common(cast)
    proposal = quoted(SIZES, shared, cast.team, target=(3e6, 6e7))
    with django_capture_on_commit_callbacks(execute=True):
        return services.ladder_create(
            project=cast.project, created_by=cast.bob, name="", common=shared, proposal=proposal
        )


class Machine:
    """Works on whatever is queued, as a worker's supervisor would: checkpoints, the last validation, the end."""

    def __init__(self, worker: Worker, capture: Any) -> None:
        self.worker, self.capture = worker, capture

    def do_one(self, outcome: str = "succeeded", *, factor: float = 1.0) -> None:
        attempt = Attempt(self.worker)
        point = LadderPoint.objects.get(run__latest_job=attempt.claim.job_id)
        loss = float(TRUTH.loss(point.num_params, point.num_tokens)) * factor
        attempt.say(ev.Started(pid=1, device="cpu"))
        if outcome == "succeeded":
            attempt.say(
                attempt.checkpoint(point.branch_step),
                ev.Evaluation(split="validation", step=9, metrics={"loss": loss, "num_tokens": 5e4}),
                ev.Finished(result={}),
            )
        with self.capture(execute=True):
            attempt.end(outcome, "done" if outcome == "succeeded" else "nan")


@pytest.fixture
def machine(worker: Worker, django_capture_on_commit_callbacks: Any) -> Machine:
    return Machine(worker, django_capture_on_commit_callbacks)


def under_way(ladder: Ladder) -> list[int]:
    rows = ladder.points.filter(run__isnull=False, loss=None)
    return list(rows.values_list("position", flat=True))


def test_a_trunk_cools_down_where_its_follower_branches_off(cast: Cast) -> None:
    rungs = trunk(3e5, [1e6, 2e6, 4e6], common(cast))
    for before, after in pairwise(rungs):
        assert after.first_step == before.branch_step
        assert before.spec.schedule.num_steps > before.branch_step
    for rung in rungs:
        steps = rung.spec.schedule.num_steps
        assert rung.branch_step == steps - round(steps * COOLDOWN_FRACTION)
        assert rung.spec.checkpoint.every_steps == rung.branch_step
        assert rung.num_tokens == steps * rung.spec.batch.tokens_per_step
    assert len({rung.spec.optimizer.learning_rate for rung in rungs}) == 1
    assert rungs[-1].new_tokens < rungs[-1].num_tokens


def test_rungs_follow_one_another_to_the_end_and_the_largest_is_sealed_before_it_begins(
    ladder: Ladder, machine: Machine
) -> None:
    assert under_way(ladder) == [0]
    for position in range(9):
        assert under_way(ladder) == [position]
        machine.do_one()
    last = ladder.points.get(position=9)
    assert last.run is not None
    seal = SealedPrediction.objects.get(run=last.run)
    assert seal.at <= last.run.latest_job.created_at or last.run.latest_job.state == State.QUEUED
    assert seal.content["num_tokens"] == last.num_tokens
    assert seal.fit.num_points == 9
    assert is_intact(seal)
    machine.do_one()
    ladder.refresh_from_db()
    assert ladder.state == Ladder.State.DONE
    assert ladder.points.filter(loss__isnull=False).count() == 10
    follower = ladder.points.get(position=1)
    assert follower.run is not None
    assert follower.predicted == follower.run.latest_job.quote.intervals, "the quote that its job was made with"
    assert follower.run.spec["branch_from"].endswith(f"/{ladder.points.get(position=0).branch_step}")
    assert follower.run.parent == ladder.points.get(position=0).run
    rows = {row.name: row for row in outcomes_of(SealedPrediction.objects.get(run=last.run))}
    assert rows["loss"].landed == pytest.approx(float(TRUTH.loss(last.num_params, last.num_tokens)))
    assert rows["loss"].is_inside
    fit = ladder.fits.first()
    assert fit is not None
    assert fit.num_points == 10
    law = fitted_law(fit).law
    assert law is not None
    assert law.loss(1e6, 1e7) == pytest.approx(float(TRUTH.loss(1e6, 1e7)), rel=0.05)


def test_a_failed_rung_does_not_hold_up_other_sizes_and_can_be_tried_again(
    ladder: Ladder, machine: Machine, cast: Cast, django_capture_on_commit_callbacks: Any
) -> None:
    machine.do_one()
    machine.do_one("failed")
    assert under_way(ladder) == [1, 3]  # the failed one, and the next size's trunk
    for _rung in range(7):
        machine.do_one()
    ladder.refresh_from_db()
    assert ladder.state == Ladder.State.BLOCKED
    assert "ended without a result" in ladder.problem
    with django_capture_on_commit_callbacks(execute=True):
        assert services.ladder_go_on(ladder=ladder, by=cast.bob) == 1
    machine.do_one()
    machine.do_one()
    ladder.refresh_from_db()
    assert ladder.state == Ladder.State.DONE


def test_a_failed_rung_left_out_lets_the_ladder_end(
    ladder: Ladder, machine: Machine, django_capture_on_commit_callbacks: Any
) -> None:
    for outcome in ("succeeded", "failed", *(["succeeded"] * 7)):
        machine.do_one(outcome)
    ladder.refresh_from_db()
    assert ladder.state == Ladder.State.BLOCKED
    with django_capture_on_commit_callbacks(execute=True):
        services.point_leave_out(point=ladder.points.get(position=1), left_out=True)
    ladder.refresh_from_db()
    assert ladder.state == Ladder.State.DONE
    assert list(ladder.points.filter(is_left_out=True).values_list("position", flat=True)) == [1, 2]
    assert ladder.fits.order_by("-number")[0].num_points == 8


def test_the_clock_goes_on_where_nobody_told(ladder: Ladder, cast: Cast) -> None:
    first = ladder.points.get(position=0)
    assert first.run is not None
    job_cancel(job=first.run.latest_job, by=cast.bob)  # it waited: no attempt ended, so no hook was called
    assert under_way(ladder) == [0]
    LADDERS.all()
    assert under_way(ladder) == [0, 3]
    LADDERS.all()
    ladder_continue(ladder.pk)
    assert under_way(ladder) == [0, 3]  # looking again makes nothing twice


def test_a_stopped_ladder_makes_nothing_until_it_goes_on(ladder: Ladder, machine: Machine, cast: Cast) -> None:
    services.ladder_stop(ladder=ladder, by=cast.bob)
    LADDERS.all()
    assert under_way(ladder) == [0]
    assert LadderPoint.objects.get(ladder=ladder, position=0).run.latest_job.state == State.STOPPED  # type: ignore[union-attr]
    with machine.capture(execute=True):
        services.ladder_go_on(ladder=ladder, by=cast.bob)
    machine.do_one()
    assert under_way(ladder) == [1]


def test_an_experiment_is_added_at_the_end_and_sealed(cast: Cast, worker: Worker, machine: Machine) -> None:
    fit = make_fit(cast)
    with machine.capture(execute=True):
        point = services.point_add(ladder=fit.ladder, num_params=1e6, num_tokens=1e7, by=cast.bob)
    point.refresh_from_db()
    assert point.role == LadderPoint.Role.SINGLE
    assert point.run is not None
    assert SealedPrediction.objects.get(run=point.run).fit == fit
    machine.do_one(factor=1.3)
    seal = SealedPrediction.objects.get(run=point.run)
    rows = outcomes_of(seal)
    assert rows[0].is_inside is False
    assert why_missed(seal, rows)
    quick = Outcome(name="seconds", title="time", predicted={"p10": 100, "p50": 200, "p90": 300}, landed=40.0)
    late = replace(quick, landed=400.0)
    assert "quicker than expected" in why_missed(seal, [quick])[0]
    assert "Other work" in why_missed(seal, [late])[0]


def test_what_is_sealed_stays_as_it_is(cast: Cast) -> None:
    seal = make_seal(cast)
    for change in (
        lambda: SealedPrediction.objects.filter(pk=seal.pk).update(content={**seal.content, "loss": {}}),
        lambda: SealedPrediction.objects.filter(pk=seal.pk).delete(),
        lambda: ScalingFit.objects.filter(pk=seal.fit_id).update(num_points=3),
    ):
        with pytest.raises(DatabaseError, match="written once"), transaction.atomic():
            change()
    assert content_hash(seal.content) == seal.sha256
    assert content_hash({**seal.content, "num_params": 1.0}) != seal.sha256


def test_the_repeated_rung_sets_a_floor_to_the_noise(cast: Cast) -> None:
    ladder = make_fit(cast).ladder
    LadderPoint.objects.filter(ladder=ladder, role="repeat").update(loss=10.0, is_left_out=False)
    services.point_leave_out(point=ladder.points.get(position=8), left_out=True)
    fit = ladder.fits.first()
    assert fit is not None
    noise = repeat_noise(list(ladder.points.filter(is_left_out=False)))
    assert noise is not None
    assert fit.answer["noise_sigma"] >= noise
    assert fit.number == 2
    assert fit.num_points == 9


def test_a_run_made_otherwise_says_so_in_its_seal(cast: Cast, worker: Worker, machine: Machine) -> None:
    from tests.webapp.runs.rows import make_spec
    from webapp.runs.services import run_create

    with machine.capture(execute=True):
        ladder = services.ladder_create(
            project=cast.project, created_by=cast.bob, name="", common=(shared := common(cast)),
            proposal=quoted(SIZES, shared, cast.team, target=(3e6, 6e7)),
        )  # fmt: skip
    for _rung in range(9):
        machine.do_one()
    version = ladder.dataset_version
    assert version is not None
    run = run_create(project=cast.project, created_by=cast.bob, version=version, spec=make_spec(version))
    said = SealedPrediction.objects.get(run=run).content
    assert any("cosine" in text for text in said["differences"])
