"""One more run of a sweep, for the quote beside the button that goes on with it: at the middle of every range."""

from __future__ import annotations

from collections.abc import Mapping

from trainer.spec import spec_to_dict
from trainer.sweep.space import SweepRefused, spec_with
from webapp.jobs.models import Job
from webapp.projects.models import Project
from webapp.runs.estimates import queue_of


def trial_planned(project: Project, data: Mapping[str, str]) -> list[Job]:
    """Return the job of one more run; none where the form names no sweep of the project."""
    sweep = project.sweeps.filter(code=data.get("sweep", "")).first()
    if sweep is None:
        return []
    try:
        spec = spec_with(sweep.spec, {each.name: each.at(0.5) for each in sweep.settings})
    except SweepRefused:
        return []
    plain = spec_to_dict("train", spec)
    return [Job(project=project, team=project.team, kind="train", spec=plain, queue=queue_of(spec))]
