"""How much a team keeps, how much it may, and what the disk has left."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db.models import F, Sum
from django.utils.functional import Promise

from webapp.datasets.models import DatasetVersion, SourceFile, Upload
from webapp.teams.models import Team

Text = Promise | str
DISK_RESERVE_BYTES = 256 * 2**20
"""Left free for PostgreSQL, logs and checkpoints; an upload never takes it."""


_others: dict[Text, Callable[[Team], int]] = {}


def register_storage(name: Text, used_bytes: Callable[[Team], int]) -> None:
    """Let an app say how much disk it uses for a team, under a name for people."""
    _others[name] = used_bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class StorageUse:
    """What a team's data takes up, by part. The parts add up to `used_bytes`."""

    files_bytes: int
    uploads_bytes: int
    """Declared by uploads under way: reserved, though not all of it is here yet."""

    versions_bytes: int
    others_bytes: dict[str, int]
    """What other apps keep for the team, by its name for people. It takes up disk, but no quota: it has its own limits."""

    quota_bytes: int

    @property
    def used_bytes(self) -> int:
        return self.files_bytes + self.uploads_bytes + self.versions_bytes

    @property
    def left_bytes(self) -> int:
        return max(0, self.quota_bytes - self.used_bytes)

    @property
    def fraction(self) -> float:
        return min(1.0, self.used_bytes / self.quota_bytes) if self.quota_bytes else 1.0


def storage_use(team: Team) -> StorageUse:
    """Return what the team's data takes up. Lock the team's row first where a decision hangs on it."""
    return StorageUse(
        files_bytes=_total(SourceFile.objects.stored().filter(dataset__project__team=team)),
        uploads_bytes=_total(Upload.objects.open().filter(dataset__project__team=team)),
        versions_bytes=_total(DatasetVersion.objects.filter(dataset__project__team=team)),
        others_bytes={str(name): size for name, used in _others.items() if (size := used(team))},
        quota_bytes=settings.ISOCOST_TEAM_QUOTA_BYTES if team.quota_bytes is None else team.quota_bytes,
    )


def free_disk_bytes() -> int:
    """Return what may still be written: free disk, less the reserve, less what uploads under way have been promised."""
    folder = Path(settings.ISOCOST_FILES)
    folder.mkdir(parents=True, exist_ok=True)
    promised = Upload.objects.open().aggregate(total=Sum(F("size_bytes") - F("offset_bytes")))["total"] or 0
    return int(shutil.disk_usage(folder).free - DISK_RESERVE_BYTES - promised)


def _total(rows: object) -> int:
    return int(rows.aggregate(total=Sum("size_bytes"))["total"] or 0)  # type: ignore[attr-defined]
