"""What a project's data takes on disk, for the ledger's line of each day."""

from __future__ import annotations

from django.db.models import Sum

from webapp.datasets.models import DatasetVersion, SourceFile
from webapp.projects.models import Project


def dataset_bytes(project: Project) -> dict[str, int]:
    """Return the bytes of uploaded files and of prepared versions. A removed file is there until the purge."""
    files = SourceFile.objects.filter(dataset__project=project).stored()
    versions = DatasetVersion.objects.filter(dataset__project=project)
    return {
        "uploaded files": files.aggregate(total=Sum("size_bytes"))["total"] or 0,
        "prepared data": versions.aggregate(total=Sum("size_bytes"))["total"] or 0,
    }
