"""What can happen to a file of a dataset: it is read, told how to be read, removed, brought back, deleted for good."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from webapp.datasets.models import DatasetVersion, SourceFile
from webapp.datasets.reading import Look, look_at

REMOVED_KEPT = timedelta(days=7)
"""How long a removed file can be brought back."""


def file_look(*, file: SourceFile) -> SourceFile:
    """Read the beginning of the file in a limited child process and keep what was seen, or why it cannot be read."""
    look: Look = look_at(file)
    SourceFile.objects.filter(pk=file.pk).update(preview=look.preview, problem=look.problem)
    file.preview, file.problem = look.preview, look.problem
    return file


def file_set_options(*, file: SourceFile, options: Mapping[str, Any]) -> SourceFile:
    """Say how the file is to be read, and look at it again."""
    file.options = {key: value for key, value in options.items() if value not in ("", "auto", False)}
    file.save(update_fields=["options"])
    return file_look(file=file)


def file_remove(*, file: SourceFile) -> None:
    """Take the file out of its dataset. Its bytes are kept for a week, so that it can be brought back."""
    SourceFile.objects.filter(pk=file.pk, removed_at=None).update(removed_at=timezone.now())


def file_restore(*, file: SourceFile) -> None:
    SourceFile.objects.filter(pk=file.pk).update(removed_at=None)


def file_delete(*, file: SourceFile) -> None:
    """Delete a removed file for good and free its space. A file on the server is only forgotten."""
    with transaction.atomic():
        deleted, _by_model = SourceFile.objects.filter(pk=file.pk, removed_at__isnull=False).delete()
    if deleted and not file.is_on_server:
        file.path.unlink(missing_ok=True)


def files_purge() -> int:
    """Delete files that were removed over a week ago, unless a preparation may still read them; return how many."""
    in_work = DatasetVersion.objects.filter(dataset=OuterRef("dataset"), job__ended_at=None)
    old = SourceFile.objects.filter(~Exists(in_work), removed_at__lt=timezone.now() - REMOVED_KEPT)
    found = list(old)
    for file in found:
        file_delete(file=file)
    return len(found)
