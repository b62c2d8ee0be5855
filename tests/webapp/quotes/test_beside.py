"""The quotes beside small forms: evaluate, inspect, predict, measure. Nothing is made by asking."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.census_rows import row_of
from tests.factories import Cast
from tests.webapp.quotes.rows import CALIBRATION, make_worker
from webapp.jobs.models import Job
from webapp.registry.models import EvaluationSuite, ModelVersion

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


def test_what_is_not_known_is_not_quoted(cast: Cast) -> None:
    assert ask(cast.client(cast.vera), cast, kind="nonsense").strip() == ""
    assert ask(cast.client(cast.vera), cast, kind="train").strip() == ""
    assert cast.client(cast.charlie).get(f"/projects/{cast.project.code}/quote/?kind=calibrate").status_code == 404
