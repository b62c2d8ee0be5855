"""What the frame of every page needs: the team and project one is in, and the others one may switch to."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from webapp.projects.models import Project


def navigation(request: HttpRequest) -> dict[str, Any]:
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {}

    def projects() -> list[Project]:
        return list(
            Project.objects.filter(team__memberships__user=user, archived_at=None)
            .select_related("team")
            .order_by("team__name", "name")
        )

    return {"my_projects": SimpleLazyObject(projects)}
