"""How good an option is, by an evaluation of a kept model or with a source; the card says who misses the bar."""

from __future__ import annotations

import pytest

from tests.census_rows import row_of
from tests.factories import Cast, make_ended_job
from tests.webapp.planning.plans import make_plan
from webapp.registry.models import ModelVersion, Result

pytestmark = pytest.mark.django_db


def make_result(cast: Cast, **metrics: float) -> Result:
    version = row_of(ModelVersion, cast)
    return Result.objects.create(
        version=version, job=make_ended_job(cast, kind="evaluate"), dataset_version=version.run.dataset_version,
        content_hash="c" * 64, split="test", metrics=metrics,
    )  # fmt: skip


def test_an_evaluation_says_that_an_option_misses_the_bar(cast: Cast) -> None:
    plan, result = make_plan(cast), make_result(cast, accuracy=0.58)
    answer = cast.client(cast.bob).post(
        f"/plans/{plan.code}/quality/",
        {"option": "lora", "result": result.pk, "metric": "accuracy", "bar": "0.62"}, follow=True,
    )  # fmt: skip
    assert "leave it out" in answer.content.decode()
    row = plan.qualities.get()
    assert (row.value, row.meets_bar, row.result) == (0.58, False, result)
    card = cast.client(cast.vera).get(plan.get_absolute_url()).content.decode()
    assert 'data-quality="0.58"' in card
    assert "misses 0.62" in card


def test_a_figure_from_elsewhere_needs_its_source(cast: Cast) -> None:
    plan = make_plan(cast)
    client = cast.client(cast.bob)
    values = {"option": "api", "metric": "bits per byte", "value": "0.7", "bar": "0.8"}
    refused = client.post(f"/plans/{plan.code}/quality/", values)
    assert refused.status_code == 422
    assert "Say where the number is from" in refused.content.decode()
    client.post(f"/plans/{plan.code}/quality/", values | {"source": "the provider's page, 2026-11-20"})
    row = plan.qualities.get()
    assert row.lower_is_better
    assert row.meets_bar
    client.post(f"/plans/{plan.code}/quality/", values | {"value": "0.9", "source": "our own test"})
    assert [row.value for row in plan.qualities.all()] == [0.9], "the newer takes the place of the older"


def test_what_an_evaluation_did_not_measure_is_said_with_what_it_did(cast: Cast) -> None:
    plan, result = make_plan(cast), make_result(cast, accuracy=0.58)
    page = cast.client(cast.bob).post(
        f"/plans/{plan.code}/quality/", {"option": "lora", "result": result.pk, "metric": "f1", "bar": "0.6"}
    )
    assert "it has: accuracy" in page.content.decode()
    assert cast.client(cast.vera).post(f"/plans/{plan.code}/quality/", {}).status_code == 403
