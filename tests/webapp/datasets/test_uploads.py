"""Quota, disk, duplicates, expiry: what an upload may and what becomes of it."""

from __future__ import annotations

import hashlib
import shutil
import threading
from base64 import b64encode
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from tests.factories import Cast
from webapp.datasets.errors import UploadRefused
from webapp.datasets.models import Dataset, SourceFile, Upload
from webapp.datasets.names import clean_name
from webapp.datasets.services.files import file_remove
from webapp.datasets.services.uploads import UPLOAD_EXPIRY, upload_create, upload_finish, uploads_purge
from webapp.datasets.storage import storage_use

TUS = {"HTTP_TUS_RESUMABLE": "1.0.0"}


def create(dataset: Dataset, cast: Cast, **changes: Any) -> Upload:
    return upload_create(
        **{"dataset": dataset, "name": "a.txt", "size_bytes": 10, "sha256": "", "created_by": cast.bob, **changes}
    )


def finish(upload: Upload, content: bytes) -> Upload:
    upload.path.write_bytes(content)
    return upload_finish(code=upload.code, sha256=hashlib.sha256(content).hexdigest())


def test_size_is_reserved_before_the_first_byte(cast: Cast, dataset: Dataset) -> None:
    cast.team.quota_bytes = 25
    cast.team.save()
    create(dataset, cast)
    create(dataset, cast)
    with pytest.raises(UploadRefused, match=r"only 5 B are left") as refused:
        create(dataset, cast, size_bytes=6)
    assert refused.value.status == 413
    assert storage_use(cast.team).used_bytes == 20


@pytest.mark.django_db(transaction=True)
def test_ten_uploads_at_once_do_not_pass_the_quota(live_cast: Cast, live_dataset: Dataset) -> None:
    live_cast.team.quota_bytes = 35
    live_cast.team.save()
    start, results = threading.Barrier(10), []

    def try_one() -> None:
        start.wait(10)
        try:
            create(live_dataset, live_cast)
            results.append(201)
        except UploadRefused as refusal:
            results.append(refusal.status)
        finally:
            connection.close()

    threads = [threading.Thread(target=try_one) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(results) == [201] * 3 + [413] * 7
    assert storage_use(live_cast.team).uploads_bytes == 30


def test_more_than_the_disk_holds_is_refused(cast: Cast, dataset: Dataset, settings: Any) -> None:
    settings.ISOCOST_MAX_UPLOAD_BYTES = settings.ISOCOST_TEAM_QUOTA_BYTES = 10**18
    real_free = shutil.disk_usage(settings.ISOCOST_FILES).free
    with pytest.raises(UploadRefused, match="disk has room for only") as refused:
        create(dataset, cast, size_bytes=real_free + 1)
    assert refused.value.status == 507
    create(dataset, cast, size_bytes=real_free // 2)
    with pytest.raises(UploadRefused, match="disk has room for only"):
        create(dataset, cast, size_bytes=real_free // 2)  # what the first was promised is no longer free


@pytest.mark.parametrize(("size_bytes", "status"), [(0, 400), (10**15, 413)])
def test_empty_and_too_large_files_are_refused(cast: Cast, dataset: Dataset, size_bytes: int, status: int) -> None:
    with pytest.raises(UploadRefused) as refused:
        create(dataset, cast, size_bytes=size_bytes)
    assert refused.value.status == status
    assert "a.txt" in str(refused.value)


def test_removed_file_comes_back_when_it_is_uploaded_again(cast: Cast, dataset: Dataset) -> None:
    first = finish(create(dataset, cast), b"0123456789").file
    assert first is not None
    file_remove(file=first)
    again = finish(create(dataset, cast, name="b.txt"), b"0123456789")
    assert (again.file, again.is_duplicate) == (first, False)
    assert SourceFile.objects.get().removed_at is None


def test_same_bytes_in_another_dataset_are_no_duplicate(cast: Cast, dataset: Dataset) -> None:
    other = Dataset.objects.create(project=cast.project, name="Other")
    finish(create(dataset, cast), b"0123456789")
    assert not finish(create(other, cast), b"0123456789").is_duplicate


def test_finishing_twice_gives_one_file(cast: Cast, dataset: Dataset) -> None:
    upload = create(dataset, cast)
    assert finish(upload, b"0123456789").file == finish(upload, b"0123456789").file
    assert SourceFile.objects.count() == 1


def test_stale_uploads_are_given_up_and_their_space_freed(cast: Cast, dataset: Dataset) -> None:
    stale, fresh = create(dataset, cast), create(dataset, cast)
    Upload.objects.filter(pk=stale.pk).update(touched_at=timezone.now() - UPLOAD_EXPIRY - timedelta(seconds=1))
    assert uploads_purge() == 1
    assert not stale.path.exists()
    assert fresh.path.exists()
    assert storage_use(cast.team).uploads_bytes == 10


def test_options_say_what_the_server_can(cast: Cast, dataset: Dataset) -> None:
    answer = cast.client(cast.bob).options(f"/datasets/{dataset.code}/uploads/")
    assert answer["Tus-Version"] == "1.0.0"
    assert set(answer["Tus-Extension"].split(",")) == {"creation", "termination", "checksum", "expiration"}
    assert answer["Tus-Checksum-Algorithm"] == "sha256,sha1"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 412),
        ({**TUS}, 400),
        ({**TUS, "HTTP_UPLOAD_LENGTH": "-1"}, 400),
        ({**TUS, "HTTP_UPLOAD_LENGTH": "٣"}, 400),
        ({**TUS, "HTTP_UPLOAD_LENGTH": "5", "HTTP_UPLOAD_METADATA": "filename ***"}, 400),
        ({**TUS, "HTTP_UPLOAD_LENGTH": "5", "HTTP_UPLOAD_METADATA": "sha256 YWJj"}, 400),
        ({**TUS, "HTTP_UPLOAD_LENGTH": "5", "HTTP_ORIGIN": "https://evil.example"}, 403),
        ({**TUS, "HTTP_UPLOAD_LENGTH": "5", "HTTP_SEC_FETCH_SITE": "cross-site"}, 403),
        ({**TUS, "HTTP_UPLOAD_LENGTH": "5"}, 201),
    ],
)
def test_creation_checks_its_headers(cast: Cast, dataset: Dataset, headers: dict[str, str], status: int) -> None:
    answer = cast.client(cast.bob).post(f"/datasets/{dataset.code}/uploads/", **headers)
    assert answer.status_code == status, answer.content
    assert Upload.objects.exists() == (status == 201)


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("../../etc/passwd", "../../etc/passwd"),  # a name to show; it is never a path
        ("a\x00b\r\nc.txt", "a b c.txt"),
        ("cod\u202etxt.exe", "codtxt.exe"),
        ("C:\\data\\客服.txt", "C:/data/客服.txt"),
        ("", "unnamed"),
        ("x" * 300 + ".jsonl.gz", "x" * 251 + "….gz"),
    ],
)
def test_names_are_made_fit_for_one_line(raw: str, clean: str) -> None:
    assert clean_name(raw) == clean
    assert len(clean_name(raw)) <= 255


def test_file_name_is_never_a_path(cast: Cast, dataset: Dataset) -> None:
    metadata = f"filename {b64encode(b'../../../escaped.txt').decode()}"
    cast.client(cast.bob).post(
        f"/datasets/{dataset.code}/uploads/", **TUS, HTTP_UPLOAD_LENGTH="10", HTTP_UPLOAD_METADATA=metadata
    )
    file = finish(Upload.objects.get(), b"0123456789").file
    assert file is not None
    assert (file.name, file.stored_path.count("/")) == ("../../../escaped.txt", 1)
