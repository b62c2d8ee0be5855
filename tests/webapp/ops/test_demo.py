"""The demo: each step follows from what is there, however often and wherever it was cut short."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone

from tests.factories import Cast, make_ended_job, make_version
from webapp.jobs.models import Job, JobEvent, State
from webapp.ops import demo, demo_model
from webapp.ops.models import Demo
from webapp.projects.models import Project
from webapp.teams.models import Team, User


@pytest.fixture
def files(settings: object, tmp_path: Path) -> Path:
    settings.ISOCOST_FILES = tmp_path  # type: ignore[attr-defined]
    return tmp_path


def start() -> Project:
    demo.demo_start()
    demo.demo_continue()
    return Demo.objects.get().project


def end_job(job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(state=State.SUCCEEDED, ended_at=timezone.now())


def test_first_step_measures_the_machine_and_no_more(db: None) -> None:
    project = start()
    assert [job.kind for job in project.jobs.all()] == ["calibrate"]


def test_starting_twice_makes_one_demo(db: None) -> None:
    start()
    demo.demo_start()
    demo.demo_continue()
    assert Demo.objects.count() == 1
    assert Team.objects.count() == 1
    assert Job.objects.count() == 1


def test_second_step_brings_the_sources_in_and_prepares_them(db: None, files: Path) -> None:
    project = start()
    end_job(project.jobs.get())
    demo.demo_continue()
    demo.demo_continue()
    dataset = project.datasets.get()
    assert dataset.files.get().size_bytes > 1_000_000
    assert dataset.versions.get().recipe["tokenizer"]["vocab_size"] == demo.VOCABULARY
    assert sorted(job.kind for job in project.jobs.all()) == ["calibrate", "prepare"]


def test_failed_measurement_does_not_stop_the_demo(db: None, files: Path) -> None:
    project = start()
    Job.objects.filter(project=project).update(state=State.FAILED, ended_at=timezone.now())
    demo.demo_continue()
    assert project.datasets.exists()


def test_archived_demo_stays_quiet(db: None) -> None:
    project = start()
    end_job(project.jobs.get())
    Project.objects.update(archived_at=timezone.now())
    demo.demo_continue()
    assert not project.datasets.exists()


def measured(cast: Cast, flop_per_second: float) -> None:
    job = make_ended_job(cast, kind="calibrate")
    payload = {"type": "finished", "result": {"training_flop_per_second": flop_per_second}}
    JobEvent.objects.create(job=job, seq=1, fence=1, line=1, at=timezone.now(), type="finished", payload=payload)


def test_model_is_sized_by_what_the_machine_does(cast: Cast) -> None:
    version = make_version(cast)
    version.vocab_size = 2_048
    sizes = []
    for speed in (5e9, 100e9, 3e12):
        measured(cast, speed)
        spec = demo_model.spec_alone(version)
        flop = demo_model.spec_flop_per_unit(spec, version) * spec.batch.tokens_per_step * spec.schedule.num_steps  # type: ignore[operator]
        sizes.append(spec.model.model_width)
        if speed > 5e9:  # a machine too slow for the smallest still gets its few steps
            assert flop / speed == pytest.approx(demo_model.TRAIN_SECONDS, rel=0.2)
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]


def test_model_follows_a_ladder_and_is_about_four_times_beyond_it(db: None, files: Path) -> None:
    from types import SimpleNamespace

    from tests.webapp.ladders.rows import TRUTH, measured_worker, splits
    from tests.webapp.runs.rows import make_version as make_ready_version
    from webapp.ladders import services
    from webapp.ladders.fits import fit_refresh
    from webapp.ladders.models import SealedPrediction
    from webapp.teams.services import owner_ensure

    project, owner = start(), owner_ensure()
    measured_worker()
    version = make_ready_version(SimpleNamespace(project=project, team=project.team), splits=splits())  # type: ignore[arg-type]
    ladder = demo._ladder(project, owner, version)
    assert ladder is not None
    assert ladder.points.count() == 9
    assert services.common_of(ladder).sample_prompt == "def ", "every size writes something to read"
    assert all(point.spec["evaluation"]["sample_tokens"] for point in ladder.points.all())
    quoted = ladder.quote["seconds"]["p50"]
    for point in ladder.points.all():
        point.loss, point.landed_at = float(TRUTH.loss(point.num_params, point.num_tokens)), timezone.now()
        point.save()
    fit_refresh(ladder)
    demo._train(project, owner, version, ladder)
    run = demo._trained(project).get()
    quoted += run.latest_job.quote.seconds.p50
    assert quoted == pytest.approx(demo.LADDER_AND_MODEL_SECONDS, rel=0.2)
    said = SealedPrediction.objects.get(run=run).content
    assert said["compute_ratio"] == pytest.approx(demo.TARGET_RATIO, rel=0.35)
    assert said["differences"] == []
    assert said["loss"]["p10"] < float(TRUTH.loss(said["num_params"], said["num_tokens"])) < said["loss"]["p90"]


def test_it_begins_with_a_question_of_four_options_by_published_law(db: None) -> None:
    project = start()
    plan = project.plans.get()
    results = plan.versions.get().results
    assert {row["name"] for row in results["decision"]["options"]} == set(demo.FOUR_OPTIONS)
    assert not results["law"]["is_own"]
    client = Client()
    client.force_login(User.objects.get(is_staff=True), backend="allauth.account.auth_backends.AuthenticationBackend")
    page = client.get(f"/projects/{project.code}/").content.decode()
    assert "not your data" in page
    assert 'data-slider-for="id_gpu_usd_per_hour"' in page
    assert page.count('data-chapter="') == 6


@pytest.mark.parametrize("slower", [1.0, 6.0, 60.0])
def test_a_ladder_is_made_however_slow_the_machine_is(db: None, files: Path, slower: float) -> None:
    from types import SimpleNamespace

    from tests.webapp.ladders.rows import measured_worker, splits
    from tests.webapp.runs.rows import make_version as make_ready_version
    from webapp.costs.models import Machine
    from webapp.teams.services import owner_ensure

    project, owner = start(), owner_ensure()
    measured_worker()
    machine = Machine.objects.get()
    for step in machine.hardware["calibration"]["steps"]:
        step["seconds_per_step"] *= slower
        step["flop_per_second"] /= slower
    machine.save()
    version = make_ready_version(SimpleNamespace(project=project, team=project.team), splits=splits())  # type: ignore[arg-type]
    ladder = demo._ladder(project, owner, version)
    assert ladder is not None
    assert ladder.points.count() == 9
    assert len({point.num_params for point in ladder.points.all()}) == 3


def test_where_no_ladder_can_be_made_the_model_is_trained_all_the_same(cast: Cast) -> None:
    version = make_version(cast)
    assert demo._ladder(cast.project, cast.alice, version) is None


def test_after_a_ladder_that_took_long_the_model_is_smaller_and_the_ladder_asks_for_that(db: None, files: Path) -> None:
    from datetime import timedelta
    from types import SimpleNamespace

    from tests.webapp.ladders.rows import measured_worker, splits
    from tests.webapp.runs.rows import make_version as make_ready_version
    from webapp.ladders.models import Ladder
    from webapp.teams.services import owner_ensure

    project, owner = start(), owner_ensure()
    measured_worker()
    version = make_ready_version(SimpleNamespace(project=project, team=project.team), splits=splits())  # type: ignore[arg-type]
    ladder = demo._ladder(project, owner, version)
    assert ladder is not None
    planned = ladder.target_params * ladder.target_tokens  # type: ignore[operator]
    Ladder.objects.filter(pk=ladder.pk).update(
        created_at=timezone.now() - timedelta(seconds=2 * demo.LADDER_AND_MODEL_SECONDS)
    )
    ladder.refresh_from_db()
    params, tokens = demo._target(ladder)
    assert params * tokens == pytest.approx(planned * demo.LEAST_RATIO / demo.TARGET_RATIO)
    ladder.refresh_from_db()
    assert (ladder.target_params, ladder.target_tokens) == pytest.approx((params, tokens))
