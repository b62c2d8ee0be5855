"""Tables that people gave to be predicted: kept on the disk, also while a budget asks whether to go on.

A page can send a form again, but no file. So the table is kept, and a signed ticket stands for it in the form.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from django.conf import settings
from django.core import signing
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _

from webapp.jobs.models import Job
from webapp.projects.models import Project
from webapp.teams.codes import new_code
from webapp.teams.models import User

MAX_TABLE_BYTES = 200 * 2**20
ENDINGS = (".csv", ".tsv", ".jsonl", ".parquet")
KEPT_SECONDS = 86_400
"""How long a table that no job reads waits for its person."""

SALT = "given-table"


class TableRefused(Exception):
    """The table cannot be taken; the message says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GivenTable:
    path: Path
    """In a folder of its own."""

    name: str
    """What its file was called."""

    @property
    def code(self) -> str:
        return self.path.parent.name


def tables_folder() -> Path:
    return Path(settings.ISOCOST_FILES) / "tables"


def table_keep(upload: UploadedFile[bytes]) -> GivenTable:
    """Write an uploaded table to the disk; raise `TableRefused` with the reason."""
    name = PurePosixPath(str(upload.name or "table.csv").replace("\\", "/")).name[:200]
    if not name.lower().endswith(ENDINGS):
        raise TableRefused(_("%(name)s is no table: give a CSV, TSV, JSONL or Parquet file.") % {"name": name})
    if not upload.size or upload.size > MAX_TABLE_BYTES:
        raise TableRefused(_("The table must have from 1 byte to 200 MiB; cut it into parts."))
    folder = tables_folder() / new_code()
    folder.mkdir(parents=True)
    path = folder / f"table{PurePosixPath(name).suffix.lower()}"
    with open(path, "wb") as file:
        for chunk in upload.chunks():
            file.write(chunk)
    return GivenTable(path=path, name=name)


def table_remove(path: Path) -> None:
    """Remove a table that was given here, with its folder; one that lies elsewhere stays."""
    if path.is_relative_to(tables_folder()):
        shutil.rmtree(path.parent, ignore_errors=True)


def ticket_of(table: GivenTable, *, project: Project, user: User) -> str:
    """Return what stands for a kept table in a form: of use to the same person in the same project alone."""
    facts = {"path": str(table.path), "name": table.name, "project": project.pk, "user": user.pk}
    return signing.dumps(facts, salt=SALT)


def table_of(ticket: str, *, project: Project, user: User) -> GivenTable | None:
    """Return the table that a ticket stands for; None where it is not theirs, or is there no longer."""
    try:
        facts: dict[str, Any] = signing.loads(ticket, salt=SALT, max_age=KEPT_SECONDS)
    except signing.BadSignature:
        return None
    table = GivenTable(path=Path(facts["path"]), name=facts["name"])
    is_theirs = (facts["project"], facts["user"]) == (project.pk, user.pk)
    return table if is_theirs and table.path.is_file() else None


def tables_purge(*, now: float | None = None) -> int:
    """Remove tables that nobody went on with, and return how many; what a job reads stays."""
    before = (now or time.time()) - KEPT_SECONDS
    old = [path for path in tables_folder().glob("*/table.*") if path.stat().st_mtime < before]
    read = set(Job.objects.filter(spec__table__in=[str(path) for path in old]).values_list("spec__table", flat=True))
    unread = [path for path in old if str(path) not in read]
    for path in unread:
        table_remove(path)
    return len(unread)
