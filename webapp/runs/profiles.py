"""Where the time of a run's step goes: a job that traces twenty steps, and what its last one found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from trainer.errors import SpecError
from trainer.spec import TrainSpec, spec_from_dict, spec_to_dict
from webapp.jobs.errors import JobRefused
from webapp.jobs.kinds import Bound, JobKind, WorkFacts
from webapp.jobs.models import Job, JobEvent, State
from webapp.jobs.services import job_create
from webapp.projects.models import Project
from webapp.quotes.devices import device_of_queue
from webapp.runs import checkpoints
from webapp.runs.models import Checkpoint, Run
from webapp.runs.work import train_work
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

SHARES = {
    gettext_lazy("computing"): ("matrix products", "attention"),
    gettext_lazy("memory"): ("memory", "optimizer"),
    gettext_lazy("data"): ("data",),
    gettext_lazy("waiting"): ("sync",),
}
"""What keeps a step from being shorter, and the parts in which it does: an optimizer reads and writes every weight."""

NUM_STEPS = 23
"""Traced, before them to warm up, and once more to count."""

TRACING_SPREAD = 0.4
"""Standard deviation of ln(rate): how much tracing slows a step down is not known before the first profile."""


class ProfileKind(JobKind):
    name = "profile"

    def url(self, job: Job) -> str | None:
        run = Run.objects.filter(project=job.project, code=str(job.spec.get("run", ""))).first()
        return f"{run.get_absolute_url()}?tab=system" if run else None

    def resume_from(self, job: Job) -> list[str]:
        """Return those that the run has now: the one that was its newest may have gone while the job waited."""
        run = Run.objects.filter(project=job.project, code=str(job.spec.get("run", ""))).first()
        return [str(each.path) for each in checkpoints.candidates(run)] if run else []

    def quote(self, job: Job) -> WorkFacts | None:
        """Return the steps that are traced; tracing slows them down by as much as profiles that ended here tell."""
        run = Run.objects.filter(project=job.project, code=str(job.spec.get("run", ""))).first()
        if run is None:
            return None
        try:
            spec = cast(TrainSpec, spec_from_dict({**run.spec, "machine": {**run.spec["machine"], **run.resolved}})[1])
        except SpecError:
            return None
        work = train_work(spec, run.dataset_version, device_of_queue(job.queue))
        return replace(
            work, group=f"profile {run.family}", amount=float(NUM_STEPS * spec.batch.tokens_per_step),
            rate_spread=max(work.rate_spread, TRACING_SPREAD), portable=None, bound=Bound.MACHINE, assumptions=(),
        )  # fmt: skip

    def planned(self, project: Project, data: Mapping[str, str]) -> Job | None:
        run = Run.objects.filter(project=project, code=data.get("run", "")).first()
        newest = next(iter(checkpoints.candidates(run)), None) if run else None
        return _profile_of(run, newest) if run and newest else None


def _profile_of(run: Run, newest: Checkpoint) -> Job:
    """Return the job, not saved, that traces steps from a checkpoint."""
    raw = {"kind": "profile", "checkpoint": str(newest.path), "sha256": newest.sha256, "run": run.code}
    return Job(
        project=run.project, team=run.project.team, kind=ProfileKind.name, spec=spec_to_dict(*spec_from_dict(raw)),
        title=_("Profile of %s") % run.name, queue=run.latest_job.queue,
    )  # fmt: skip


def profile_start(*, run: Run, by: User | None) -> Job:
    """Put a job into the queue that traces steps from the run's newest checkpoint; raise `JobRefused` without one."""
    newest = next(iter(checkpoints.candidates(run)), None)
    if newest is None:
        raise JobRefused(_("This run has no checkpoint yet, and steps are traced from one; wait for the first."))
    job = _profile_of(run, newest)
    return job_create(
        project=job.project, kind=job.kind, spec=job.spec, created_by=by, title=job.title, queue=job.queue
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


def shares_of(result: dict[str, Any]) -> list[tuple[str, float]]:
    """Return which fraction of a step goes into each of the four; what is none of them is left out."""
    seconds = {name: float(value) for name, value in (result.get("seconds_by_part") or {}).items()}
    total = sum(seconds.values())
    if not total:
        return []
    return [(str(title), sum(seconds.get(name, 0.0) for name in names) / total) for title, names in SHARES.items()]


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
        "shares": shares_of(result),
        "roofline": roofline(result),
        "has_trace": done is not None and trace_path(done) is not None,
        "can_write": getattr(request, "team_role", Role.VIEWER) >= Role.MEMBER,
    }
    return render_to_string("runs/_profile.html", context, request=request)
