"""Interactions on the data pages: every preset goes through the form, and the report shows what was prepared."""

from __future__ import annotations

import csv
import io
import re

import pytest

from tests.factories import Cast
from tests.trainer.data.interactions.tables import usual_rows
from tests.webapp.datasets.helpers import add_file
from tests.webapp.datasets.test_recipe_form import posted
from tests.webapp.jobs.rows import claim
from trainer.data.interactions.prepare import prepare
from trainer.events import Finished, Report
from trainer.spec import spec_from_dict
from webapp.datasets.models import Dataset, DatasetVersion
from webapp.datasets.pages import Preset
from webapp.datasets.pages.interactions import PAGES
from webapp.datasets.recipe_form import RecipeForm
from webapp.datasets.services.versions import version_create
from webapp.jobs.journal import journal_store
from webapp.jobs.models import Job


@pytest.fixture
def clicks(cast: Cast) -> Dataset:
    found = Dataset.objects.create(project=cast.project, name="点击", created_by=cast.bob, data_kind="interactions")
    out = io.StringIO()
    csv.writer(out).writerows([["user_id", "item_id", "timestamp"], *usual_rows(), ["", "商品1", 5]])
    add_file(found, "点击.csv", out.getvalue())
    return found


@pytest.mark.parametrize("preset", PAGES.presets, ids=lambda preset: preset.name)
def test_a_recipe_comes_back_from_its_form_unchanged(clicks: Dataset, preset: Preset) -> None:
    form = RecipeForm(posted(RecipeForm(dataset=clicks, start=preset.recipe)), dataset=clicks)
    assert form.is_valid(), form.errors
    assert form.recipe == preset.recipe


def test_a_wrong_column_is_told_at_its_field(clicks: Dataset) -> None:
    start = RecipeForm(dataset=clicks)
    form = RecipeForm(posted(start, **{"read-user_column": "x", "read-item_column": "x"}), dataset=clicks)
    assert not form.is_valid()
    assert "must be different columns" in str(form.errors["read-item_column"])


def test_the_report_shows_users_items_and_charts(cast: Cast, clicks: Dataset) -> None:
    version = version_create(dataset=clicks, recipe=PAGES.presets[0].recipe, created_by=cast.bob)
    claimed = claim()
    job = Job.objects.get(pk=claimed.job_id)
    _, spec = spec_from_dict(job.spec)
    _, report = prepare(spec, job.folder.attempt(claimed.fence).artifacts / "version")
    journal_store(claimed, [Report(line=1, at=1.0, report=report), Finished(line=2, at=2.0)])
    version = DatasetVersion.objects.get(pk=version.pk)
    page = cast.client(cast.bob).get(version.get_absolute_url()).content.decode()
    assert 'data-figure="num_users" data-value="30"' in page
    assert 'data-figure="num_items" data-value="20"' in page
    assert "点击.csv line 302" in page
    assert "商品" in page
    assert re.search(r"validation from 2023-11-\d\d", page)
    for plot in ("when", "popularity"):
        assert f'data-plot="{plot}"' in page
