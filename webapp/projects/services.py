"""All that can happen to a project."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from webapp.projects.models import Project
from webapp.teams.models import Team, User


@transaction.atomic
def project_create(*, team: Team, name: str, created_by: User, description: str = "") -> Project:
    project = Project(team=team, name=name, description=description, created_by=created_by)
    project.full_clean()
    project.save()
    return project


def project_archive(*, project: Project) -> None:
    """Hide the project; everything in it stays and it can be brought back."""
    Project.objects.filter(pk=project.pk, archived_at=None).update(archived_at=timezone.now())


def project_restore(*, project: Project) -> None:
    Project.objects.filter(pk=project.pk).update(archived_at=None)
