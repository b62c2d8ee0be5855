"""The experiment that a ladder's form would add, for the quote beside its button. What is planned shows its own on the page."""

from __future__ import annotations

from collections.abc import Mapping

from django.core.exceptions import ValidationError

from trainer.spec import spec_to_dict
from webapp.jobs.models import Job
from webapp.ladders.rungs import RungRefused, queue_of_ladders, trunk
from webapp.ladders.services import common_of
from webapp.projects.models import Project


def rung_planned(project: Project, data: Mapping[str, str]) -> list[Job]:
    """Return the job of one more run of a ladder; none where the form's size or token count can make none."""
    ladder = project.ladders.filter(code=data.get("ladder", "")).first()
    try:
        size, tokens = (float(data.get(name, "")) for name in ("num_params", "num_tokens"))
        if ladder is None or not (0 < size < 1e18 and 0 < tokens < 1e18):
            return []
        spec = spec_to_dict("train", trunk(size, [tokens], common_of(ladder))[0].spec)
    except (ValueError, RungRefused, ValidationError):
        return []
    return [Job(project=project, team=project.team, kind="train", spec=spec, queue=queue_of_ladders())]
