"""A kept model is taken away in a format of others: written and run by the real trainer, downloaded once it agrees."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from asgiref.sync import async_to_sync
from django.utils import timezone

from tests.factories import Cast
from tests.webapp.registry.test_services import files, keep  # noqa: F401
from tests.webapp.registry.test_whole_way import do_next_job, kept, real_version, trained
from tests.webapp.runs.rows import make_run
from tests.webapp.runs.test_downloads import body
from webapp.jobs.models import Job, Worker
from webapp.registry.exports import gguf_of
from webapp.registry.models import Export
from webapp.registry.queries import version_checkpoint

pytestmark = pytest.mark.django_db


def test_a_model_is_exported_checked_and_downloaded(cast: Cast, files: Path) -> None:  # noqa: F811
    worker = Worker.objects.create(name="w", host="h", queue="cpu")
    version = kept(cast, trained(cast, worker, real_version(cast, files), num_steps=4))
    browser, place = cast.client(cast.bob), f"/models/{version.code}/export/"
    for _ in range(2):  # asked twice, done once
        assert browser.post(place, {"format": "gguf", "weights": "float16"}).status_code == 302
    export = Export.objects.get()
    checkpoint = version_checkpoint(version)
    assert gguf_of(checkpoint) is None
    page = browser.get(f"{version.get_absolute_url()}?tab=exports").content.decode()
    assert "/exports/" not in page
    assert browser.get(f"/exports/{export.code}/download/").status_code == 404  # not before it is checked

    do_next_job(worker)
    export.refresh_from_db()
    assert export.check_report["agrees"]
    assert gguf_of(checkpoint) == export.path / "model.gguf"  # what the playground lets llama.cpp write with
    page = cast.client(cast.vera).get(f"{version.get_absolute_url()}?tab=exports").content.decode()
    assert export.check_report["runner"] in page
    answer = cast.client(cast.vera).get(f"/exports/{export.code}/download/")
    archive = zipfile.ZipFile(io.BytesIO(async_to_sync(body)(answer)))
    assert [Path(name).name for name in archive.namelist()] == ["model.gguf"]
    assert cast.client(cast.charlie).get(f"/exports/{export.code}/download/").status_code == 404


def test_what_answered_differently_says_so_and_is_not_offered(cast: Cast, files: Path) -> None:  # noqa: F811
    """The trainer refuses such a file (tests/trainer/formats/test_formats.py); here is what people then see."""
    version = keep(cast, make_run(cast, state="succeeded"))
    cast.client(cast.bob).post(f"/models/{version.code}/export/", {"format": "onnx"})
    export = Export.objects.get()
    said = "onnxruntime gives other answers than the original: they differ by up to 0.4. The file is not offered."
    Job.objects.filter(pk=export.job_id).update(state="failed", reason=said, ended_at=timezone.now())
    page = cast.client(cast.bob).get(f"{version.get_absolute_url()}?tab=exports").content.decode()
    assert said in page
    assert f"/exports/{export.code}/" not in page
    assert cast.client(cast.bob).get(f"/exports/{export.code}/download/").status_code == 404
    cast.client(cast.bob).post(f"/models/{version.code}/export/", {"format": "onnx"})
    assert Export.objects.count() == 2  # it can be tried again


def test_a_format_that_the_family_does_not_have_is_refused(cast: Cast) -> None:
    version = keep(cast, make_run(cast, state="succeeded", family="bow"))
    browser = cast.client(cast.bob)
    answer = browser.post(f"/models/{version.code}/export/", {"format": "gguf"}, follow=True)
    assert "is not written in this format" in answer.content.decode()
    assert not Export.objects.exists()
