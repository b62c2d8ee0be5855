"""Files that already lie on the server: taken into a dataset where they are, from folders that the operator allowed."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from webapp.datasets.errors import DataRefused
from webapp.datasets.models import Dataset, SourceFile
from webapp.datasets.names import clean_name
from webapp.teams.models import User
from webapp.ui.templatetags.figures import size

MAX_FILES = 2_000


@dataclass(frozen=True, kw_only=True, slots=True)
class FolderAdded:
    """What came of adding a folder."""

    num_added: int
    num_known: int
    """Files whose bytes the dataset had already."""

    num_passed_over: int
    """Links, devices and empty files."""


def server_folders() -> list[Path]:
    """Return the allowed folders that are there."""
    return [folder for folder in map(Path, settings.ISOCOST_SERVER_FOLDERS) if folder.is_dir()]


def server_folder_add(*, dataset: Dataset, root: Path, inside: str, created_by: User) -> FolderAdded:
    """Add every file under `root/inside`. Links are never followed, so that nothing outside of `root` can be reached."""
    if root not in server_folders():
        raise DataRefused(_("This folder of the server is not open to datasets. Ask an operator to allow it."))
    folder = _inside(root, inside)
    found, passed_over = _files_under(folder)
    if not found:
        raise DataRefused(_("There are no files in “%(folder)s”.") % {"folder": _shown(root, folder)})
    total = sum(path.stat().st_size for path in found)
    if len(found) > MAX_FILES or total > settings.ISOCOST_MAX_UPLOAD_BYTES:
        raise DataRefused(
            _(
                "“%(folder)s” holds %(num)d files and %(size)s; at most %(max)d files and %(limit)s are taken at once. "
                "Choose a folder inside it."
            )
            % {
                "folder": _shown(root, folder),
                "num": len(found),
                "size": size(total),
                "max": MAX_FILES,
                "limit": size(settings.ISOCOST_MAX_UPLOAD_BYTES),
            }
        )
    made = [_add(dataset, root, path, created_by) for path in found]
    return FolderAdded(num_added=sum(made), num_known=len(made) - sum(made), num_passed_over=passed_over)


def is_still_inside(file: SourceFile) -> bool:
    """Return whether a file on the server still lies in an allowed folder, with no link on the way."""
    return any(
        file.path.resolve() == file.path and file.path.is_relative_to(root.resolve()) for root in server_folders()
    )


def _inside(root: Path, inside: str) -> Path:
    real_root = root.resolve()
    refusal = DataRefused(_("“%(name)s” is not a folder inside “%(root)s”.") % {"name": inside, "root": root.name})
    if "\x00" in inside:
        raise refusal
    folder = (real_root / inside.strip().lstrip("/")).resolve()
    if not folder.is_relative_to(real_root) or not folder.is_dir():
        raise refusal
    return folder


def _files_under(folder: Path) -> tuple[list[Path], int]:
    found, passed_over = [], 0
    for entry in _walk(folder):
        info = entry.stat(follow_symlinks=False)
        if stat.S_ISREG(info.st_mode) and info.st_size > 0:
            found.append(Path(entry.path))
        elif not stat.S_ISDIR(info.st_mode):
            passed_over += 1
        if len(found) > MAX_FILES:
            break
    return sorted(found), passed_over


def _walk(folder: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(Path(entry.path))
            else:
                yield entry


def _add(dataset: Dataset, root: Path, path: Path, created_by: User) -> bool:
    """Add one file; False if the dataset has these bytes already."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "rb") as opened:
        sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
        size_bytes = os.fstat(opened.fileno()).st_size
    _file, is_new = SourceFile.objects.get_or_create(
        dataset=dataset,
        sha256=sha256,
        defaults={
            "name": clean_name(_shown(root, path)),
            "size_bytes": size_bytes,
            "stored_path": str(path),
            "created_by": created_by,
        },
    )
    return is_new


def _shown(root: Path, path: Path) -> str:
    return str(path.relative_to(root.resolve())) if path != root.resolve() else root.name
