"""A kept model is stored in fewer bits by the real trainer: a version of its own, measured beside the original."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.factories import Cast
from tests.webapp.registry.test_services import files  # noqa: F401
from tests.webapp.registry.test_whole_way import do_next_job, kept, real_version, trained
from webapp.jobs.models import Worker
from webapp.registry.models import Compression, ModelVersion, Result
from webapp.runs.checkpoints import best, candidates
from webapp.ui.templatetags.figures import figure

pytestmark = pytest.mark.django_db


def test_a_smaller_form_becomes_the_next_version(cast: Cast, files: Path) -> None:  # noqa: F811
    worker = Worker.objects.create(name="w", host="h", queue="cpu")
    run = trained(cast, worker, real_version(cast, files), num_steps=20)
    version, before = kept(cast, run), candidates(run)
    browser, place = cast.client(cast.bob), f"/models/{version.code}/compress/"
    for _ in range(2):  # asked twice, done once
        assert browser.post(place, {"method": "int8"}).status_code == 302
    row = Compression.objects.get()
    do_next_job(worker)
    row.refresh_from_db()
    made = row.made
    assert made is not None
    assert (made.name, made.number) == (version.name, version.number + 1)
    assert made.checkpoint.compression == "int8"
    assert made.checkpoint.is_pinned
    assert row.report["after"]["file_bytes"] < 0.5 * row.report["before"]["file_bytes"]
    result = Result.objects.get(version=made)
    assert result.metrics["loss"] == pytest.approx(row.report["after"]["metrics"]["loss"])

    # the run itself still has its own checkpoints alone: it can neither resume from integers nor call them its best
    assert candidates(run) == before
    assert best(run) == version.checkpoint

    page = cast.client(cast.vera).get(f"{version.get_absolute_url()}?tab=compress").content.decode()
    [loss] = [change for change in row.report["differences"] if change["metric"] == "loss"]
    for shown in (figure(loss["before"]), figure(loss["after"]), str(made), "One more token"):
        assert shown in page
    assert "A smaller form of" in browser.get(f"{made.get_absolute_url()}?tab=compress").content.decode()
    answer = browser.post(f"/models/{made.code}/compress/", {"method": "int4"}, follow=True).content.decode()
    assert "compressed already" in answer
    assert ModelVersion.objects.count() == 2


def test_a_method_that_there_is_not_is_refused(cast: Cast, files: Path) -> None:  # noqa: F811
    worker = Worker.objects.create(name="w", host="h", queue="cpu")
    version = kept(cast, trained(cast, worker, real_version(cast, files), num_steps=2))
    answer = cast.client(cast.bob).post(f"/models/{version.code}/compress/", {"method": "int3"}, follow=True)
    assert "There is no method called int3; choose one of int8, int4, int8_dynamic." in answer.content.decode()
    assert not Compression.objects.exists()
