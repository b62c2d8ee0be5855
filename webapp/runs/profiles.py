"""Where the time of a run's step goes: a job that traces twenty steps, and what its last one found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from trainer.spec import spec_from_dict, spec_to_dict
from webapp.jobs.errors import JobRefused
from webapp.jobs.kinds import JobKind
from webapp.jobs.models import Job, JobEvent, State
from webapp.jobs.services import job_create
from webapp.runs import checkpoints
from webapp.runs.models import Run
from webapp.teams.models import Role, User

WORDS = {
    "matrix products": gettext_lazy("matrix products"),
    "attention": gettext_lazy("attention"),
    "memory": gettext_lazy("waiting for memory: norms, activations, copies"),
    "optimizer": gettext_lazy("optimizer"),
    "data": gettext_lazy("data"),
    "sync": gettext_lazy("waiting for the device"),
    "rest": gettext_lazy("the rest"),
}


class ProfileKind(JobKind):
    name = "profile"

    def url(self, job: Job) -> str | None:
        run = Run.objects.filter(project=job.project, code=str(job.spec.get("run", ""))).first()
        return f"{run.get_absolute_url()}?tab=system" if run else None

    def resume_from(self, job: Job) -> list[str]:
        return []


def profile_start(*, run: Run, by: User | None) -> Job:
    """Put a job into the queue that traces steps from the run's newest checkpoint; raise `JobRefused` without one."""
    newest = next(iter(checkpoints.candidates(run)), None)
    if newest is None:
        raise JobRefused(_("This run has no checkpoint yet, and steps are traced from one; wait for the first."))
    raw = {"kind": "profile", "checkpoint": str(newest.path), "sha256": newest.sha256, "run": run.code}
    return job_create(
        project=run.project,
        kind=ProfileKind.name,
        spec=spec_to_dict(*spec_from_dict(raw)),
        created_by=by,
        title=_("Profile of %s") % run.name,
        queue=run.latest_job.queue,
    )


def last_profile(run: Run, *, succeeded: bool = False) -> Job | None:
    jobs = Job.objects.filter(project=run.project, kind=ProfileKind.name, spec__run=run.code)
    return (jobs.filter(state=State.SUCCEEDED) if succeeded else jobs).order_by("-created_at").first()


def trace_path(job: Job) -> Path | None:
    """Return the file of a job's trace; None where it told of none, or it is gone."""
    told = JobEvent.objects.filter(job=job, type="artifact", payload__name="trace").order_by("-seq").first()
    if told is None:
        return None
    path = job.folder.path / str(told.payload.get("path", ""))
    return path if path.resolve().is_relative_to(job.folder.path.resolve()) and path.is_file() else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One kind of work within a step."""

    title: str
    seconds: float
    fraction: float


def parts_of(result: dict[str, Any]) -> list[Part]:
    """Return the parts of a step, the longest first."""
    seconds = {name: float(value) for name, value in (result.get("seconds_by_part") or {}).items()}
    total = sum(seconds.values()) or 1.0
    parts = [
        Part(title=str(WORDS.get(name, name)), seconds=value, fraction=value / total) for name, value in seconds.items()
    ]
    return sorted(parts, key=lambda part: -part.seconds)


def roofline(result: dict[str, Any]) -> dict[str, Any] | None:
    """Return the chart of the operations under the machine's roof; None where there is nothing to place."""
    points = sorted(result.get("under_the_roof") or [], key=lambda each: each["flop_per_byte"])
    peak, memory = result.get("peak_flop_per_second"), result.get("memory_bytes_per_second")
    if not points or not peak or not memory:
        return None
    ridge = peak / memory  # where the slope meets the flat part
    first, last = min(points[0]["flop_per_byte"], ridge) / 2, max(points[-1]["flop_per_byte"], ridge) * 2
    roof = {at: min(peak, at * memory) for at in (first, ridge, last)}
    placed = {each["flop_per_byte"]: each for each in points}
    at = sorted({*roof, *placed})
    return {
        "kind": "lines",
        "x": {"title": _("FLOP a byte of memory"), "values": [float(f"{each:.4g}") for each in at], "type": "log"},
        "y": {"title": _("GFLOP/s"), "type": "log", "free": True, "decades": True},
        "labels": [f"{placed[each]['name']} {placed[each]['shapes']}" if each in placed else "" for each in at],
        "series": [
            {"name": _("what this machine can"), "mode": "lines", "joined": True,
             "values": [roof[each] / 1e9 if each in roof else None for each in at]},
            {"name": _("operations of a step"), "mode": "markers",
             "values": [placed[each]["flop_per_second"] / 1e9 if each in placed else None for each in at]},
            {"name": _("the whole step"), "mode": "lines", "dash": "dot", "joined": True,
             "values": [result["flop_per_second"] / 1e9 if each in (first, last) else None for each in at]},
        ],
    }  # fmt: skip


def profile_panel(request: HttpRequest, run: Run) -> str:
    """Return the button, how far the newest profile is, and what the last finished one found."""
    newest, done = last_profile(run), last_profile(run, succeeded=True)
    finished = JobEvent.objects.filter(job=done, type="finished").order_by("-seq").first() if done else None
    result: dict[str, Any] = (finished.payload.get("result") or {}) if finished else {}
    context = {
        "run": run,
        "newest": newest,
        "done": done,
        "result": result,
        "parts": parts_of(result),
        "roofline": roofline(result),
        "has_trace": done is not None and trace_path(done) is not None,
        "can_write": getattr(request, "team_role", Role.VIEWER) >= Role.MEMBER,
    }
    return render_to_string("runs/_profile.html", context, request=request)
