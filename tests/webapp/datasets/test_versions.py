"""Versions: asked for once, prepared by a real trainer process, published under the fence, reported and compared."""

from __future__ import annotations

import csv
import io
import json
import shutil
from dataclasses import replace
from typing import Any

import pytest

from tests.factories import Cast
from tests.webapp.datasets.helpers import add_file, prose
from tests.webapp.jobs.rows import claim
from trainer.data.prepare import prepare
from trainer.data.recipe import NearStep, Recipe, TokenizerStep
from trainer.data.spec import PrepareSpec
from trainer.events import Finished, Report
from trainer.spec import spec_from_dict
from webapp.datasets.comparison import compare
from webapp.datasets.errors import DataRefused
from webapp.datasets.models import Dataset, DatasetVersion, SourceFile
from webapp.datasets.services.versions import version_create, version_find_or_create
from webapp.jobs.journal import journal_store
from webapp.jobs.models import Job, State
from webapp.jobs.services import job_cancel, job_retry

SMALL = Recipe(tokenizer=TokenizerStep(vocab_size=300))


def make(dataset: Dataset, cast: Cast, recipe: Recipe = SMALL, **changes: Any) -> DatasetVersion:
    return version_create(dataset=dataset, recipe=recipe, created_by=cast.bob, **changes)


def prepare_as_a_worker(version: DatasetVersion) -> DatasetVersion:
    """Claim the version's job, prepare for real in this process, and let the journal publish it."""
    claimed = claim()
    job = Job.objects.get(pk=claimed.job_id)
    assert job == version.job
    _kind, spec = spec_from_dict(job.spec)
    assert isinstance(spec, PrepareSpec)
    made = prepare(replace(spec, num_threads=1), job.folder.attempt(claimed.fence).artifacts / "version")
    journal_store(claimed, [Report(line=1, at=1.0, report=made.report()), Finished(line=2, at=2.0)])
    version.refresh_from_db()
    return version


def test_asking_makes_a_job_with_a_whole_spec(cast: Cast, dataset: Dataset) -> None:
    add_file(dataset, "b.jsonl", prose(30), text_column="text")
    add_file(dataset, "a.txt", "some text in a file")
    version = make(dataset, cast)
    assert (version.number, version.job.kind, version.job.state) == (1, "prepare", State.QUEUED)
    kind, spec = spec_from_dict(version.job.spec)
    assert (kind, [source.name for source in spec.sources]) == ("prepare", ["a.txt", "b.jsonl"])
    assert spec.sources[1].text_column == "text"
    assert spec.recipe == SMALL


def test_same_files_and_recipe_are_not_prepared_twice(cast: Cast, dataset: Dataset) -> None:
    add_file(dataset, "a.jsonl", prose(30))
    first = version_find_or_create(dataset=dataset, recipe=SMALL, created_by=cast.bob)
    again = version_find_or_create(dataset=dataset, recipe=SMALL, created_by=cast.alice)
    assert (first.is_new, again.is_new, again.version) == (True, False, first.version)
    other = make(dataset, cast, replace(SMALL, near=NearStep(threshold=0.9)))
    assert other.number == 2
    add_file(dataset, "b.txt", "one more file with text")
    assert make(dataset, cast).number == 3
    assert Job.objects.count() == 3


def test_a_failed_version_is_made_again_as_a_new_one(cast: Cast, dataset: Dataset) -> None:
    add_file(dataset, "a.jsonl", prose(30))
    first = make(dataset, cast)
    job_cancel(job=first.job, by=cast.bob)
    assert make(dataset, cast) != first


def test_retry_keeps_the_version_and_gives_it_a_new_job(cast: Cast, dataset: Dataset) -> None:
    add_file(dataset, "a.jsonl", prose(30))
    version = make(dataset, cast)
    job_cancel(job=version.job, by=cast.bob)
    version.job.refresh_from_db()
    job = job_retry(job=version.job, by=cast.bob)
    version.refresh_from_db()
    assert (version.job, job.state) == (job, State.QUEUED)


@pytest.mark.parametrize("problem", ["", "line 3 is broken."])
def test_nothing_or_unreadable_files_are_refused(cast: Cast, dataset: Dataset, problem: str) -> None:
    if problem:
        file = add_file(dataset, "bad.txt", "text")
        SourceFile.objects.filter(pk=file.pk).update(problem=problem)
    with pytest.raises(DataRefused, match=problem or "no files yet"):
        make(dataset, cast)
    assert not Job.objects.exists()


def test_prepared_version_is_published_with_its_figures(cast: Cast, dataset: Dataset) -> None:
    add_file(dataset, "a.jsonl", prose(80))
    version = prepare_as_a_worker(make(dataset, cast))
    assert version.ready_at is not None
    assert (version.path / "manifest.json").is_file()
    assert version.num_documents == sum(split["documents"] for split in version.splits.values()) == 80
    assert version.num_tokens == version.report["totals"]["tokens"]
    assert version.size_bytes == sum(p.stat().st_size for p in version.path.rglob("*") if p.is_file())
    assert version.job.events.filter(type="report").get().payload == {"type": "report"}


def test_publishing_again_after_a_lost_transaction(cast: Cast, dataset: Dataset) -> None:
    add_file(dataset, "a.jsonl", prose(40))
    version = prepare_as_a_worker(make(dataset, cast))
    before = version.content_hash
    DatasetVersion.objects.filter(pk=version.pk).update(ready_at=None, content_hash="", stored_path="")
    version.refresh_from_db()
    from webapp.datasets.services.versions import version_publish

    version_publish(version=version, folder=version.job.folder.attempt(1).artifacts / "version")
    version.refresh_from_db()
    assert version.content_hash == before


def test_same_input_gives_the_same_content_hash(cast: Cast, dataset: Dataset) -> None:
    add_file(dataset, "a.jsonl", prose(40))
    first = prepare_as_a_worker(make(dataset, cast))
    other = Dataset.objects.create(project=cast.project, name="Copy")
    add_file(other, "a.jsonl", prose(40))
    second = prepare_as_a_worker(make(other, cast))
    assert (first.recipe_hash, first.content_hash) == (second.recipe_hash, second.content_hash)


def test_tokenizer_of_another_version_is_used(cast: Cast, dataset: Dataset) -> None:
    add_file(dataset, "a.jsonl", prose(40))
    first = prepare_as_a_worker(make(dataset, cast))
    other = Dataset.objects.create(project=cast.project, name="Other")
    add_file(other, "b.jsonl", prose(40, seed=2))
    second = prepare_as_a_worker(make(other, cast, tokenizer=first.path / "tokenizer"))
    names = [version.path / "tokenizer" / "tokenizer.json" for version in (first, second)]
    assert names[0].read_bytes() == names[1].read_bytes()


def test_report_page_downloads_and_comparison(cast: Cast, dataset: Dataset) -> None:
    add_file(dataset, "=cmd|'x'.jsonl", prose(60) + "{broken\n" + prose(5))
    first = prepare_as_a_worker(make(dataset, cast))
    second = prepare_as_a_worker(make(dataset, cast, replace(SMALL, near=NearStep(enabled=False))))
    client = cast.client(cast.vera)
    page = client.get(first.get_absolute_url()).content.decode()
    assert f'data-figure="num_tokens" data-value="{first.num_tokens}"' in page
    assert "=cmd|&#x27;x&#x27;.jsonl" in page
    report = json.loads(client.get(f"/versions/{first.code}/report.json").content)
    assert report == first.report
    answer = client.get(f"/versions/{first.code}/report.csv")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert {row["step"] for row in rows} >= {"read", "filter", "exact", "near", "pack"}
    assert "attachment" in answer["Content-Disposition"]
    lines = {str(line.label): line for group in compare(first, second) for line in group.lines if line.differs}
    assert "Enabled" in lines
    compared = client.get(f"/versions/{first.code}/compare/?with={second.code}").content.decode()
    assert "Differences only" in compared


def test_a_version_of_another_project_cannot_lend_its_tokenizer(cast: Cast, dataset: Dataset) -> None:
    from webapp.datasets.recipe_form import RecipeForm
    from webapp.projects.models import Project

    foreign = Project.objects.create(team=cast.charlie.teams.get(), name="Theirs")
    theirs = Dataset.objects.create(project=foreign, name="Secret")
    add_file(theirs, "a.jsonl", prose(40))
    version = prepare_as_a_worker(make(theirs, cast))
    form = RecipeForm({"tokenizer_of": version.code}, dataset=dataset)
    assert "tokenizer_of" in form.errors


@pytest.fixture(autouse=True)
def _clear_files(settings: Any) -> Any:
    yield
    shutil.rmtree(settings.ISOCOST_FILES / "jobs", ignore_errors=True)
