"""Buttons that make jobs of several kinds, or of a kind that they do not name: what they would make, for their quotes.

register_asked("rung", rung_planned)     in ladders.apps: a form asks for the quote of `kind=rung`
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from webapp.jobs.kinds import kind_of, kinds
from webapp.jobs.models import Job
from webapp.projects.models import Project

Planner = Callable[[Project, Mapping[str, str]], Sequence[Job]]
_planners: dict[str, Planner] = {}


def register_asked(name: str, planner: Planner) -> None:
    """Register what a button makes: jobs, not saved, from the values of its form; none where they name none."""
    _planners[name] = planner


def planned(project: Project, data: Mapping[str, str]) -> Sequence[Job]:
    """Return the jobs, not saved, that a button with these values would make; none where they name none of the project."""
    if code := data.get("again"):
        ended = Job.objects.filter(project=project, code=code).select_related("project", "team").first()
        return [kind_of(ended.kind).again(ended)] if ended else []
    name = data.get("kind", "")
    if planner := _planners.get(name):
        return planner(project, data)
    kind = kinds().get(name)
    job = kind.planned(project, data) if kind else None
    return [job] if job else []
