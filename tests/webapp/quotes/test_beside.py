"""The quotes beside small forms and buttons: evaluate, inspect, export, predict, measure, resume. Nothing is made by asking."""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.test import Client

from tests.census_rows import row_of
from tests.factories import Cast, make_checkpoint, make_ended_job
from tests.webapp.quotes.rows import CALIBRATION, end_job, make_worker
from tests.webapp.runs.rows import make_spec, make_version
from trainer.spec import spec_to_dict
from webapp.catalogue.models import Accelerator, Price
from webapp.datasets.models import SourceFile
from webapp.jobs.models import Job, State
from webapp.quotes.services import quote_made
from webapp.registry.models import EvaluationSuite, ModelVersion
from webapp.runs.services import run_create

pytestmark = pytest.mark.django_db


def ask(client: Client, cast: Cast, **values: object) -> str:
    answer = client.get(f"/projects/{cast.project.code}/quote/", values)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_calibration_is_quoted_by_its_own_length(cast: Cast) -> None:
    make_worker(calibration=CALIBRATION)
    page = ask(cast.client(cast.vera), cast, kind="calibrate")
    assert 'data-figure="quote_seconds"' in page
    assert 'data-figure="quote_usd"' in page
    assert not Job.objects.exists()


def test_an_evaluation_is_quoted_by_the_tokens_of_its_suite(cast: Cast) -> None:
    make_worker(calibration=CALIBRATION)
    version, suite = row_of(ModelVersion, cast), row_of(EvaluationSuite, cast)
    run = version.checkpoint.run
    run.flop_per_token, run.facts = 6e6, {"num_parameters": 1_000_000}
    run.save()
    data = suite.dataset_version
    data.splits = {"test": {"num_tokens": 40_000}}
    data.save()
    page = ask(cast.client(cast.vera), cast, kind="evaluate", version=version.code, suite=suite.code)
    assert 'data-figure="quote_seconds"' in page
    assert "fits" in page
    assert ask(cast.client(cast.vera), cast, kind="evaluate", version=version.code, suite="nothing").strip() == ""


def test_a_table_and_an_inspection_say_that_there_is_no_basis_yet(cast: Cast) -> None:
    make_worker(calibration=CALIBRATION)
    checkpoint = row_of(ModelVersion, cast).checkpoint
    assert "data-no-basis" in ask(
        cast.client(cast.vera), cast, kind="predict", checkpoint=checkpoint.code, table_bytes=5_000
    )
    assert "data-no-basis" in ask(cast.client(cast.vera), cast, kind="inspect", what="overlap")


def test_a_preparation_with_paraphrases_is_not_told_by_those_without(cast: Cast) -> None:
    """A model that says each line otherwise takes far longer than reading does."""
    worker = make_worker(calibration=CALIBRATION)
    dataset = row_of(SourceFile, cast).dataset
    dataset.files.update(size_bytes=1_000_000)
    job = make_ended_job(cast, kind="prepare", state=State.QUEUED, spec={"num_bytes": 1_000_000})
    quote_made(job)
    end_job(cast, job, worker, seconds=12)
    client, plain = cast.client(cast.vera), {"kind": "prepare", "dataset": dataset.code, "augment-copies": 2}
    assert likely(ask(client, cast, **plain), "quote_seconds") == pytest.approx(12, rel=0.05)
    assert "data-no-basis" in ask(client, cast, **plain, **{"augment-paraphraser": "x"})
    done = make_ended_job(
        cast, kind="prepare", state=State.QUEUED,
        spec={"num_bytes": 1_000_000, "recipe": {"augment": {"copies": 1, "paraphraser": "x"}}},
    )  # fmt: skip
    quote_made(done)
    end_job(cast, done, worker, seconds=302)
    twice = likely(ask(client, cast, **plain, **{"augment-paraphraser": "x"}), "quote_seconds")
    assert twice == pytest.approx(602, rel=0.05)


def test_work_on_a_model_tells_its_memory_and_why_it_is_not_rented_for(cast: Cast) -> None:
    make_worker(calibration=CALIBRATION)
    version = row_of(ModelVersion, cast)
    run = version.checkpoint.run
    run.facts = {"num_parameters": 1_000_000}
    run.save()
    said = {
        kind: ask(cast.client(cast.vera), cast, kind=kind, version=version.code, **asked)
        for kind, asked in (
            ("inspect", {"what": "overlap"}), ("export", {"format": "onnx"}), ("compress", {"method": "int8"}),
        )
    }  # fmt: skip
    took = {
        kind: float(re.findall(r'"quote_memory" data-p10="[^"]+" data-p50="([^"]+)"', page)[0])
        for kind, page in said.items()
    }
    assert took["export"] - took["inspect"] == pytest.approx(8e6, rel=0.01)
    assert took["compress"] - took["inspect"] == pytest.approx(4e6, rel=0.01)
    assert all("data-no-basis" in page and "data-not-elsewhere" in page for page in said.values())
    assert "Only jobs like it" in said["inspect"]
    assert "reads and writes files" in said["export"]
    assert "this very machine" in ask(cast.client(cast.vera), cast, kind="calibrate")


def test_an_evaluation_and_a_training_are_told_on_machines_that_can_be_rented(cast: Cast) -> None:
    make_worker(calibration=CALIBRATION)
    h100 = Accelerator.objects.get(name="H100 SXM")
    Price.objects.create(
        provider="Somebody", accelerator=h100, accelerator_name=h100.name, amount=Decimal("2.50"),
        usd_per_hour=Decimal("2.50"), seen_on=date.today() - timedelta(days=3), source="a test",
    )  # fmt: skip
    version, suite = row_of(ModelVersion, cast), row_of(EvaluationSuite, cast)
    run = version.checkpoint.run
    data = make_version(cast)
    run.dataset_version, run.flop_per_token = data, 6e6
    run.spec = spec_to_dict("train", make_spec(data))
    run.save()
    EvaluationSuite.objects.update(dataset_version=data)
    data.splits = {"test": {"num_tokens": 40_000}}
    data.save()
    small = ask(cast.client(cast.vera), cast, kind="evaluate", version=version.code, suite=suite.code)
    data.splits = {"test": {"num_tokens": 40_000_000}}
    data.save()
    large = ask(cast.client(cast.vera), cast, kind="evaluate", version=version.code, suite=suite.code)
    hours = []
    for page in (small, large):
        assert "H100 SXM" in page
        assert 'data-figure="alternative_kwh"' in page
        row = next(row for row in page.split("<tr ") if "H100 SXM" in row)
        hours.append(likely(row, "alternative_seconds"))
    assert hours[1] > 3 * hours[0]  # a start, and a thousand times the tokens


def test_a_resumed_run_is_quoted_by_the_steps_that_are_left(cast: Cast) -> None:
    worker = make_worker(calibration=CALIBRATION)
    version = make_version(cast)
    run = run_create(
        project=cast.project, created_by=cast.bob, version=version, spec=make_spec(version, num_steps=1_000)
    )
    end_job(cast, run.latest_job, worker, seconds=30, state=State.STOPPED)
    whole = likely(ask(cast.client(cast.vera), cast, again=run.latest_job.code), "quote_seconds")
    make_checkpoint(cast, run=run, step=500)
    rest = likely(ask(cast.client(cast.vera), cast, again=run.latest_job.code), "quote_seconds")
    assert 0.4 < rest / whole < 0.65
    num_jobs = Job.objects.count()
    assert ask(cast.client(cast.vera), cast, again="nothing").strip() == ""
    address = f"/projects/{cast.project.code}/quote/?again={run.latest_job.code}"
    assert cast.client(cast.charlie).get(address).status_code == 404
    assert Job.objects.count() == num_jobs  # nothing was made by asking


def likely(page: str, name: str) -> float:
    return float(re.findall(rf'"{name}" data-p10="[^"]+" data-p50="([^"]+)"', page)[0])


def test_what_is_not_known_is_not_quoted(cast: Cast) -> None:
    assert ask(cast.client(cast.vera), cast, kind="nonsense").strip() == ""
    assert ask(cast.client(cast.vera), cast, kind="train").strip() == ""
    assert cast.client(cast.charlie).get(f"/projects/{cast.project.code}/quote/?kind=calibrate").status_code == 404
