"""Files on their way out: parts of files, folders as zip, a trained model with the lines that load it, CSV of every metric."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.test import RequestFactory
from django.urls import reverse

from tests.factories import Cast
from tests.trainer.conftest import make_documents, train_dict, write_version
from tests.webapp.runs.rows import make_run
from webapp.runs.metrics import metrics_append
from webapp.runs.models import Checkpoint
from webapp.ui.downloads import file_response, zip_of

ROOT = Path(__file__).resolve().parents[3]


async def body(response: Any) -> bytes:
    return b"".join([part async for part in response])


@pytest.mark.parametrize(
    ("header", "status", "expected"),
    [
        ("", 200, b"0123456789"),
        ("bytes=2-4", 206, b"234"),
        ("bytes=7-", 206, b"789"),
        ("bytes=-3", 206, b"789"),
        ("bytes=5-999", 206, b"56789"),
        ("bytes=10-", 416, b""),
        ("bytes=4-2", 416, b""),
        ("items=1-2", 416, b""),
    ],
)
async def test_a_part_of_a_file(tmp_path: Path, header: str, status: int, expected: bytes) -> None:
    path = tmp_path / "file.bin"
    path.write_bytes(b"0123456789")
    request = RequestFactory().get("/", headers={"Range": header} if header else {})
    response = file_response(request, path, name="模型 model.bin")
    assert response.status_code == status
    if status == 416:
        assert response["Content-Range"] == "bytes */10"
        return
    assert await body(response) == expected
    assert int(response["Content-Length"]) == len(expected)
    assert "filename*=UTF-8''%E6%A8%A1" in response["Content-Disposition"]


async def test_a_file_that_changed_since_is_sent_whole(tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    path.write_bytes(b"0123456789")
    request = RequestFactory().get("/", headers={"Range": "bytes=5-", "If-Range": '"another"'})
    response = file_response(request, path, name="f")
    assert response.status_code == 200
    assert await body(response) == b"0123456789"


def test_a_folder_becomes_a_zip_piece_by_piece(tmp_path: Path) -> None:
    folder = tmp_path / "export"
    (folder / "inner").mkdir(parents=True)
    (folder / "weights").write_bytes(bytes(3_000_000))
    (folder / "inner" / "汉.txt").write_text("天气")
    (folder / "link").symlink_to("/etc/passwd")
    pieces = list(zip_of(folder, "model"))
    assert len(pieces) > 3
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == ["model/inner/汉.txt", "model/weights"]
        assert archive.read("model/inner/汉.txt").decode() == "天气"


@pytest.mark.django_db
def test_one_button_downloads_a_model_that_was_really_trained(cast: Cast, tmp_path: Path, settings: Any) -> None:
    settings.ISOCOST_FILES = tmp_path
    version = write_version(tmp_path / "version", make_documents(60))
    run = make_run(cast, state="succeeded")
    job = run.latest_job.folder
    job.path.mkdir(parents=True)
    spec = {**train_dict(version), "kind": "train", "version": 1}
    job.spec.write_bytes(msgspec.json.encode(spec))
    command = [sys.executable, "-m", "trainer", "run", str(job.path), "--attempt", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    path = max((job.attempt(1).checkpoints).iterdir(), key=lambda folder: int(folder.name))
    Checkpoint.objects.create(
        run=run, job=run.latest_job, fence=1, step=int(path.name), stored_path=str(path.relative_to(tmp_path)),
        sha256="a" * 64, size_bytes=1, is_best=True,
    )  # fmt: skip
    response = cast.client(cast.vera).get(reverse("run-download", args=[run.code]))
    assert response.status_code == 200
    assert response["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(b"".join(response))) as archive:
        names = {name.partition("/")[2] for name in archive.namelist()}
        assert {"model.safetensors", "config.json", "tokenizer.json", "README.md"} <= names
        assert "transformers" in archive.read(next(n for n in archive.namelist() if n.endswith("README.md"))).decode()


@pytest.mark.django_db
def test_a_download_without_files_says_so(cast: Cast, tmp_path: Path, settings: Any) -> None:
    settings.ISOCOST_FILES = tmp_path
    run = make_run(cast, state="succeeded")
    client = cast.client(cast.vera)
    assert "nothing to download" in client.get(reverse("run-download", args=[run.code]), follow=True).content.decode()
    row = Checkpoint.objects.create(
        run=run, job=run.latest_job, fence=1, step=1, stored_path="jobs/x", sha256="a" * 64, size_bytes=1
    )
    page = client.get(reverse("checkpoint-download", args=[row.code]), follow=True).content.decode()
    assert "no longer there" in page
    assert cast.client(cast.charlie).get(reverse("checkpoint-download", args=[row.code])).status_code == 404


@pytest.mark.django_db
def test_the_csv_of_a_run_streams_every_metric(cast: Cast) -> None:
    run = make_run(cast)
    metrics_append(run=run, steps=range(1, 2_001), values={"train/loss": [1.0 / s for s in range(1, 2_001)]})
    response = cast.client(cast.vera).get(reverse("run-csv", args=[run.code]))
    lines = b"".join(response).decode().splitlines()
    assert len(lines) == 2_001
    assert lines[0].startswith("step,epoch,tokens,flop")
