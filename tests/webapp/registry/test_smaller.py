"""A kept model is pruned, or teaches a smaller one: a run by the real trainer, then both measured side by side."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.factories import Cast
from tests.webapp.registry.test_services import files  # noqa: F401
from tests.webapp.registry.test_whole_way import do_next_job, kept, real_version, trained
from tests.webapp.runs.rows import make_run
from trainer.families import families, get_family
from trainer.sections import DataSpec, DistilSpec
from trainer.spec import TrainSpec, spec_from_dict
from webapp.jobs.models import Job, Worker
from webapp.quotes.services import quote_of
from webapp.registry.models import Compression, ModelVersion, Result
from webapp.registry.smaller import source_spec
from webapp.registry.smaller_forms import planned_run, students_of
from webapp.runs.estimates import spec_flop_per_unit
from webapp.runs.models import Checkpoint, Run
from webapp.runs.services import run_create
from webapp.ui.templatetags.figures import figure

pytestmark = pytest.mark.django_db

PRUNE = {"way": "prune", "prune_method": "structured", "percent": "50", "scope": "layer", "num_steps": "10"}
TEACH = {"way": "distil", "student": "half-as-wide", "temperature": "1", "weight": "0.8", "num_steps": "10"}


@pytest.fixture
def worker() -> Worker:
    return Worker.objects.create(name="w", host="h", queue="cpu")


@pytest.fixture
def version(cast: Cast, files: Path, worker: Worker) -> ModelVersion:  # noqa: F811
    return kept(cast, trained(cast, worker, real_version(cast, files), num_steps=15))


@pytest.mark.parametrize("asked", [PRUNE, TEACH], ids=["pruned", "taught"])
def test_a_run_makes_it_smaller_and_both_are_measured(
    cast: Cast, worker: Worker, version: ModelVersion, asked: dict[str, str]
) -> None:
    browser = cast.client(cast.bob)
    assert browser.post(f"/models/{version.code}/smaller/", asked).status_code == 302
    row = Compression.objects.get()
    run = row.run
    assert run is not None
    assert run.parent == version.run
    spec: Any = spec_from_dict(run.spec)[1]
    assert spec.model.feed_forward_width == source_spec(version).model.width_of_feed_forward // 2
    page = browser.get(f"{version.get_absolute_url()}?tab=compress").content.decode()
    assert "both models are measured when it is done" in page
    do_next_job(worker)
    assert Job.objects.filter(kind="compress").count() == 1
    do_next_job(worker)
    row.refresh_from_db()
    made = row.made
    assert made is not None
    assert (made.name, made.number, made.run) == (version.name, version.number + 1, run)
    before, after = row.report["before"], row.report["after"]
    assert after["file_bytes"] < 0.8 * before["file_bytes"]
    assert after["num_parameters"] < 0.8 * before["num_parameters"]
    [loss] = [change for change in row.report["differences"] if change["metric"] == "loss"]
    assert loss["low"] <= loss["difference"] <= loss["high"]
    assert Result.objects.filter(version=made, metrics__loss=after["metrics"]["loss"]).exists()
    assert made.lineage["parents"][0]["code"] == version.run.code
    page = cast.client(cast.vera).get(f"{version.get_absolute_url()}?tab=compress").content.decode()
    title = "Pruned by whole parts" if asked is PRUNE else "Taught, temperature 1, share 0.8"
    for shown in (title, figure(loss["before"]), figure(loss["after"]), str(made), "A million tokens"):
        assert shown in page, shown


def test_a_taught_run_that_was_started_elsewhere_is_measured_too(
    cast: Cast, worker: Worker, version: ModelVersion
) -> None:
    spec = replace(source_spec(version), distil=DistilSpec(teacher=str(version.checkpoint.path)))
    run = run_create(project=version.project, created_by=cast.bob, version=version.run.dataset_version, spec=spec)
    do_next_job(worker)
    do_next_job(worker)
    row = Compression.objects.get(run=run)
    assert row.version == version
    assert row.report["after"]["num_parameters"] == row.report["before"]["num_parameters"]


def test_the_teacher_is_in_the_quote(cast: Cast, version: ModelVersion) -> None:
    """Its forward pass: a third of the FLOP of training it, for every token that the student learns from."""
    job = planned_run(version, TEACH)
    assert job is not None
    quote = quote_of(job)
    assert quote is not None
    own = source_spec(version)
    student: Any = spec_from_dict(job.spec)[1]
    data = version.run.dataset_version
    alone, teacher = (spec_flop_per_unit(each, data) for each in (replace(student, distil=DistilSpec()), own))
    assert student.flop_per_token == pytest.approx(alone + teacher / 3)
    [row] = [row for row in quote.assumptions if row["name"] == "teacher"]
    assert row["value"] == pytest.approx(teacher / 3)
    assert quote.memory_by_part["weights"] > 4 * version.run.facts["num_parameters"]


def test_what_is_wrong_in_the_form_stands_at_its_field(cast: Cast, version: ModelVersion) -> None:
    for changes, sentence in (
        ({"percent": "100"}, "less than or equal to 99"),
        ({"num_steps": ""}, "This field is required"),
        ({"prune_method": "rip"}, "Select a valid choice"),
    ):
        asked = {**PRUNE, "percent": "42.5", **changes}
        answer = cast.client(cast.bob).post(f"/models/{version.code}/smaller/", asked)
        assert answer.status_code == 422
        page = answer.content.decode()
        assert sentence in page
        assert ("percent" in changes) or 'value="42.5"' in page  # what was written is still there
    assert not Run.objects.exclude(pk=version.run.pk).exists()


def test_who_only_looks_makes_nothing_smaller_and_strangers_see_nothing(cast: Cast, version: ModelVersion) -> None:
    place = f"/models/{version.code}/smaller/"
    assert cast.client(cast.vera).post(place, PRUNE).status_code == 403
    assert cast.client(cast.charlie).post(place, PRUNE).status_code == 404
    assert cast.client(cast.bob).get(place).status_code == 405
    assert cast.client(cast.bob).post(place, {"way": "melt"}).status_code == 404
    quote = f"/projects/{version.project.code}/quote/"
    answer = cast.client(cast.bob).get(quote, {**PRUNE, "kind": "compress", "version": version.code})
    assert 'data-figure="quote_seconds"' in answer.content.decode()  # of this team's first training
    answer = cast.client(cast.bob).get(quote, {"kind": "compress", "method": "int8"})
    assert "No basis yet" in answer.content.decode()


@pytest.mark.parametrize("family", sorted(families()))
def test_every_family_offers_students_only_where_they_can_be_taught(cast: Cast, family: str) -> None:
    """The largest size of each: whoever can be taught has smaller ones to teach, and nobody's page breaks."""
    found = get_family(family)
    largest = list(found.presets.values())[-1]
    start = TrainSpec(family=family, model=largest, data=DataSpec(path="nowhere"))
    kept = ModelVersion(checkpoint=Checkpoint(run=make_run(cast, state="succeeded")))
    kept.run.dataset_version.facts = {"side": 32, "num_channels": 3, "num_labels": 4, "num_items": 40}
    students = students_of(kept, start)
    assert bool(students) <= found.can_be_taught(largest)
    assert family not in ("gpt", "bert", "vision") or students
    assert all(type(model) is type(largest) for _label, model in students.values())
