"""Sweeps: the list, the form with what it would take, a sweep's page, and what people can do to it."""

from __future__ import annotations

import csv
from typing import Any, cast

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import prefetch_related_objects
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from trainer.sweep.space import SweepRefused
from webapp.jobs.errors import JobRefused
from webapp.projects.models import Project
from webapp.runs.models import Run
from webapp.sweeps import services
from webapp.sweeps.forms import SweepForm, metric_names, setting_names
from webapp.sweeps.models import Sweep
from webapp.sweeps.proposal import propose
from webapp.sweeps.status import best_of, live_context
from webapp.teams.access import team_object
from webapp.teams.models import Role, User
from webapp.ui.cells import safe_cell

RELATED = ("project__team", "dataset_version__dataset")
MOST_TRIALS = 1_000


@team_object(Project, Role.VIEWER, related=("team",))
@require_GET
def sweep_list(request: HttpRequest, project: Project) -> HttpResponse:
    sweeps = project.sweeps.select_related("dataset_version__dataset").prefetch_related("trials")
    items: list[dict[str, Any]] = []
    for sweep in sweeps:
        trials = list(sweep.trials.all())
        landed = [trial for trial in trials if trial.value is not None]
        items.append({"sweep": sweep, "num_trials": len(trials), "best": best_of(sweep, landed)})
    prefetch_related_objects([item["best"] for item in items if item["best"]], "run")
    context = {"project": project, "section": "sweeps", "items": items, "can_write": _can_write(request)}
    return render(request, "sweeps/list.html", context)


@team_object(Project, Role.MEMBER, related=("team",))
@require_http_methods(["GET", "POST"])
def sweep_create(request: HttpRequest, project: Project) -> HttpResponse:
    start = Run.objects.filter(project=project, code=request.GET.get("from", "")).first()
    form = SweepForm(
        request.POST or None, project=project, start=start, initial={"version": request.GET.get("version")}
    )
    if request.method == "POST" and form.is_valid():
        try:
            sweep = services.sweep_create(
                project=project, created_by=cast(User, request.user), name=form.cleaned_data["name"], plan=form.plan()
            )
        except (SweepRefused, JobRefused) as error:
            form.add_error(None, str(error))
        except ValidationError as error:
            form.add_error(None, error)
        else:
            return redirect(sweep)
    context = {
        "project": project, "section": "sweeps", "form": form, "setting_names": setting_names(),
        "metric_names": metric_names(),
        "has_versions": form.fields["version"].queryset.exists(),  # type: ignore[attr-defined]
    }  # fmt: skip
    return render(request, "sweeps/form.html", context, status=422 if form.errors else 200)


@team_object(Project, Role.MEMBER, related=("team",))
@require_POST
def sweep_propose(request: HttpRequest, project: Project) -> HttpResponse:
    """What the sweep of the form as it stands would take, or what is wrong with it."""
    form = SweepForm(request.POST, project=project)
    context: dict[str, Any] = {}
    if not form.is_valid():
        name, errors = next(iter(form.errors.items()))
        label = form.fields[name].label if name in form.fields else ""
        context["refusal"] = f"{label}: {errors[0]}" if label else str(errors[0])
    else:
        try:
            context["proposal"] = propose(services.checked(form.plan()), project.team)
        except SweepRefused as error:
            context["refusal"] = str(error)
    return render(request, "sweeps/_proposal.html", context)


@team_object(Sweep, Role.VIEWER, related=RELATED)
@require_GET
def sweep_detail(request: HttpRequest, sweep: Sweep) -> HttpResponse:
    return render(request, "sweeps/sweep.html", _context(request, sweep))


@team_object(Sweep, Role.VIEWER, related=RELATED)
@require_GET
def sweep_live(request: HttpRequest, sweep: Sweep) -> HttpResponse:
    """The part of the page that moves."""
    return render(request, "sweeps/_live.html", _context(request, sweep))


def _context(request: HttpRequest, sweep: Sweep) -> dict[str, Any]:
    shared = {"sweep": sweep, "project": sweep.project, "section": "sweeps", "can_write": _can_write(request)}
    return {**shared, **live_context(sweep)}


def _can_write(request: HttpRequest) -> bool:
    return bool(request.team_role >= Role.MEMBER)  # type: ignore[attr-defined]


@team_object(Sweep, Role.MEMBER, related=RELATED)
@require_POST
def sweep_act(request: HttpRequest, sweep: Sweep) -> HttpResponse:
    """Stop, or go on with more runs and budget."""
    if request.POST.get("action") == "stop":
        services.sweep_stop(sweep=sweep, by=cast(User, request.user))
        return redirect(sweep)
    try:
        more_trials = int(request.POST.get("more_trials") or 0)
        more_budget = float(request.POST.get("more_budget") or 0)
        if not (0 <= more_trials <= MOST_TRIALS and 0 <= more_budget < 1e9):
            raise ValueError
    except ValueError:
        messages.error(request, _("Give numbers of at least 0: how many more runs, and how much more budget."))
        return redirect(sweep)
    services.sweep_go_on(sweep=sweep, more_trials=more_trials, more_budget=more_budget)
    return redirect(sweep)


@team_object(Sweep, Role.VIEWER, related=RELATED)
@require_GET
def sweep_csv(request: HttpRequest, sweep: Sweep) -> HttpResponse:
    """Every run with its values and what came of it."""
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="sweep-{sweep.code}.csv"'
    writer = csv.writer(response)
    names = [setting.name for setting in sweep.settings]
    writer.writerow(["run", *names, sweep.metric, "seconds", "usd", "stopped_at_step", "problem"])
    for trial in sweep.trials.order_by("number"):
        found = [trial.value, trial.seconds, trial.usd, trial.stopped_at_step]
        cells = [trial.number, *(trial.values.get(name) for name in names), *found, trial.problem]
        writer.writerow(["" if cell is None else safe_cell(cell) for cell in cells])
    return response
