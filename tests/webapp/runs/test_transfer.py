"""The worth of a transfer, from the points of two runs to the table."""

from __future__ import annotations

import pytest
from django.urls import reverse

from tests.factories import Cast
from tests.webapp.runs.rows import make_run, make_version
from webapp.runs.metrics import metrics_append
from webapp.runs.models import Run
from webapp.runs.transfer import worth_of, worth_store

pytestmark = pytest.mark.django_db


def test_a_transfer_is_held_against_the_run_from_scratch(cast: Cast) -> None:
    version = make_version(cast)
    scratch = make_run(cast, version=version, state="succeeded")
    moved = make_run(cast, version=version, state="succeeded", name="moved")
    metrics_append(run=scratch, steps=[10, 100, 1_000], values={"validation/loss": [4.0, 3.0, 2.0]})
    metrics_append(run=moved, steps=[10, 20], values={"validation/loss": [3.0, 2.9]})
    moved.refresh_from_db()
    assert worth_of(moved) is None  # it did not start from anything
    moved.spec = {**moved.spec, "transfer": {"source": "/models/base"}}
    moved.save(update_fields=["spec"])
    worth_store(moved)
    moved = Run.objects.get(pk=moved.pk)
    # 2.9 is a tenth of the way, in logarithms, from 100 steps to 1,000
    assert moved.facts["effective_data_multiplier"] == pytest.approx(100 * 10**0.1 / 20)
    Run.objects.filter(pk=moved.pk).update(facts={})
    worth_store(scratch)  # it may end later than what is held against it
    moved.refresh_from_db()
    assert moved.facts["effective_data_multiplier"] == pytest.approx(100 * 10**0.1 / 20)
    url = reverse("run-list", args=[cast.project.code])
    page = cast.client(cast.vera).get(url, {"c": ["effective_data"], "sort": "-effective_data"}).content.decode()
    assert "6.29 ×" in page
