"""What can happen to an upload: it begins, grows, ends as a file of its dataset, is given up, or expires."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from webapp.datasets.errors import UploadRefused
from webapp.datasets.models import Dataset, SourceFile, Upload
from webapp.datasets.names import clean_name
from webapp.datasets.storage import free_disk_bytes, storage_use
from webapp.teams.models import Team, User
from webapp.ui.templatetags.figures import size

UPLOAD_EXPIRY = timedelta(days=2)
"""An upload to which nothing was added for so long is given up and its space freed."""


def upload_create(*, dataset: Dataset, name: str, size_bytes: int, sha256: str, created_by: User) -> Upload:
    """Begin an upload: its whole size is reserved in the team's quota before the first byte comes."""
    name = clean_name(name)
    _check_size(name, size_bytes)
    with transaction.atomic():
        # The lock makes a second upload of the team wait until this one's reservation can be counted.
        team = Team.objects.select_for_update(no_key=True).get(pk=dataset.project.team_id)
        _check_duplicate(dataset, name, sha256)
        _check_quota(team, name, size_bytes)
        _check_disk(name, size_bytes)
        upload = Upload(dataset=dataset, name=name, size_bytes=size_bytes, sha256=sha256, created_by=created_by)
        upload.full_clean(exclude=["file", "finished_at"])
        upload.save()
    upload.path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(upload.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    return upload


def upload_progress(*, code: str, offset_bytes: int) -> bool:
    """Note how many bytes lie safely on disk; False when the upload is gone or over."""
    touched = Upload.objects.open().filter(code=code, size_bytes__gte=offset_bytes)
    return touched.update(offset_bytes=offset_bytes, touched_at=timezone.now()) == 1


@transaction.atomic
def upload_finish(*, code: str, sha256: str) -> Upload:
    """Make the whole upload a file of its dataset, or say that the dataset has these bytes already."""
    upload = Upload.objects.select_for_update(of=("self",)).select_related("dataset__project__team").get(code=code)
    if upload.finished_at is not None or upload.error:
        return upload
    upload.offset_bytes, upload.touched_at = upload.size_bytes, timezone.now()
    if upload.sha256 and upload.sha256 != sha256:
        upload.error = _(
            "“%(name)s” arrived damaged: its SHA-256 is %(found)s… and %(promised)s… was promised. Upload it again."
        ) % {"name": upload.name, "found": sha256[:12], "promised": upload.sha256[:12]}
    else:
        # Uploads of one dataset end one after the other, so that of two equal files the second sees the first.
        Dataset.objects.select_for_update(no_key=True).get(pk=upload.dataset_id)
        upload.file, upload.is_duplicate = _file_of(upload, sha256)
        upload.finished_at = timezone.now()
    upload.sha256 = sha256
    upload.save()
    transaction.on_commit(lambda: upload.path.unlink(missing_ok=True))
    return upload


def file_write(*, dataset: Dataset, name: str, content: bytes, created_by: User) -> SourceFile:
    """Put what the app itself made into a dataset, as though it had been uploaded; equal bytes are the file that is there."""
    sha256 = hashlib.sha256(content).hexdigest()
    upload = upload_create(dataset=dataset, name=name, size_bytes=len(content), sha256="", created_by=created_by)
    upload.path.write_bytes(content)
    file = upload_finish(code=upload.code, sha256=sha256).file
    assert file is not None
    return file


def upload_delete(*, upload: Upload) -> None:
    """Give up an upload and free what it reserved. A file that it already became stays."""
    upload.delete()
    upload.path.unlink(missing_ok=True)


def uploads_purge() -> int:
    """Give up uploads to which nothing was added for two days; return how many there were."""
    stale = list(Upload.objects.filter(touched_at__lt=timezone.now() - UPLOAD_EXPIRY))
    for upload in stale:
        upload_delete(upload=upload)
    return len(stale)


def _file_of(upload: Upload, sha256: str) -> tuple[SourceFile, bool]:
    """Return the dataset's file with these bytes and whether it was there before."""
    found = SourceFile.objects.filter(dataset=upload.dataset, sha256=sha256).first()
    if found is not None:
        was_live = found.removed_at is None
        if not was_live:
            found.removed_at = None
            found.save(update_fields=["removed_at"])
        return found, was_live
    file = SourceFile(
        dataset=upload.dataset,
        name=upload.name,
        size_bytes=upload.size_bytes,
        sha256=sha256,
        stored_path=f"sources/{upload.code}",
        created_by=upload.created_by,
    )
    file.path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        # A link, not a move: if this transaction is lost, the upload still has its bytes and can end again.
        os.link(upload.path, file.path)
    file.save()
    return file, False


def _check_size(name: str, size_bytes: int) -> None:
    if size_bytes == 0:
        raise UploadRefused(
            _("“%(name)s” is empty (0 bytes), so there is nothing to learn from it. Leave it out.") % {"name": name},
            status=400,
        )
    if size_bytes > settings.ISOCOST_MAX_UPLOAD_BYTES:
        raise UploadRefused(
            _(
                "“%(name)s” has %(size)s; one file may have at most %(limit)s here. Split it, or compress it "
                "with gzip or zstd."
            )
            % {"name": name, "size": size(size_bytes), "limit": size(settings.ISOCOST_MAX_UPLOAD_BYTES)},
            status=413,
        )


def _check_duplicate(dataset: Dataset, name: str, sha256: str) -> None:
    found = SourceFile.objects.live().filter(dataset=dataset, sha256=sha256).first() if sha256 else None
    if found is not None:
        raise UploadRefused(
            _("“%(name)s” is already in this dataset, as “%(found)s”: the bytes are the same. Nothing was uploaded.")
            % {"name": name, "found": found.name},
            status=409,
        )


def _check_quota(team: Team, name: str, size_bytes: int) -> None:
    use = storage_use(team)
    if size_bytes > use.left_bytes:
        raise UploadRefused(
            _(
                "“%(name)s” has %(size)s, but of the team's %(quota)s of storage only %(left)s are left (uploads under "
                "way are counted). Delete files or datasets that are no longer needed, or ask an operator for more."
            )
            % {
                "name": name,
                "size": size(size_bytes),
                "quota": size(use.quota_bytes),
                "left": size(use.left_bytes),
            },
            status=413,
        )


def _check_disk(name: str, size_bytes: int) -> None:
    free = max(0, free_disk_bytes())
    if size_bytes > free:
        raise UploadRefused(
            _(
                "“%(name)s” has %(size)s, but the server's disk has room for only %(free)s. Nothing was uploaded. "
                "Free some space on the server, or ask an operator."
            )
            % {"name": name, "size": size(size_bytes), "free": size(free)},
            status=507,
        )
