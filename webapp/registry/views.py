"""The project's models: the table with its front, registering one, and comparing two."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from webapp.projects.models import Project
from webapp.registry import evaluations, services
from webapp.registry.comparison import compare
from webapp.registry.errors import RegistryError
from webapp.registry.forms import RegisterForm, SuiteForm
from webapp.registry.models import EvaluationSuite
from webapp.registry.pareto import data_with, front_chart, metrics_of, ranking
from webapp.registry.queries import best_checkpoint, model_rows, ready_data, suites_of, versions_of
from webapp.runs.models import Checkpoint
from webapp.teams.access import team_object
from webapp.teams.models import Role, User

MAX_RANKED = 50


@team_object(Project, Role.VIEWER, related=("team",))
@require_GET
def model_list(request: HttpRequest, project: Project) -> HttpResponse:
    metrics = metrics_of(project)
    chosen = request.GET.get("metric", "")
    metric = chosen if chosen in metrics else (metrics[0] if metrics else "")
    data = data_with(project, metric) if metric else []
    wanted = request.GET.get("data", "")
    on = None if wanted == "all" else next((each for each in data if each.code == wanted), data[0] if data else None)
    found = ranking(project, metric, data=on) if metric else None
    by_gain = request.GET.get("by") == "dollar"
    points = list(found.points) if found else []
    if by_gain:
        points.sort(key=lambda point: -(point.gain_per_usd or 0.0))
    context = {
        "project": project,
        "section": "models",
        "rows": model_rows(project),
        "suites": list(suites_of(project)),
        "metrics": metrics,
        "metric": metric,
        "data_choices": data,
        "on": on,
        "ranking": found,
        "points": points[:MAX_RANKED],
        "by_gain": by_gain,
        "chart": front_chart(found) if found else None,
        "suite_form": SuiteForm(project=project),
        "has_data": ready_data(project).exists(),
        "may_write": request.team_role >= Role.MEMBER,  # type: ignore[attr-defined]
    }
    return render(request, "registry/model_list.html", context)


@team_object(Project, Role.MEMBER, related=("team",))
@require_http_methods(["GET", "POST"])
def model_register(request: HttpRequest, project: Project) -> HttpResponse:
    """Keep a checkpoint: `?checkpoint=` of a run's page, or `?run=` for its best."""
    checkpoint = _checkpoint(request, project)
    form = RegisterForm(request.POST or None, project=project, initial={"name": checkpoint.run.name})
    if request.method == "POST" and form.is_valid():
        try:
            version = services.model_version_create(
                checkpoint=checkpoint, created_by=cast(User, request.user), **form.cleaned_data
            )
        except RegistryError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("Kept as %(version)s.") % {"version": version})
            return redirect(version)
    context = {"project": project, "section": "models", "form": form, "checkpoint": checkpoint}
    return render(request, "registry/register.html", context, status=422 if form.errors else 200)


def _checkpoint(request: HttpRequest, project: Project) -> Checkpoint:
    rows = Checkpoint.objects.select_related("run__project", "run__dataset_version__dataset")
    rows = rows.filter(run__project=project, run__deleted_at=None)
    if code := request.GET.get("run", ""):
        first = rows.filter(run__code=code).first()
        found = best_checkpoint(first.run) if first else None
    else:
        found = rows.filter(code=request.GET.get("checkpoint", "")).first()
    if found is None:
        raise Http404
    return found


@team_object(Project, Role.VIEWER, related=("team",))
@require_GET
def model_compare(request: HttpRequest, project: Project) -> HttpResponse:
    """`?a=&b=`: two versions side by side, with a paired test where both were measured on the same data."""
    versions = list(versions_of(project))
    by_code = {version.code: version for version in versions}
    a, b = by_code.get(request.GET.get("a", "")), by_code.get(request.GET.get("b", ""))
    if a is None and versions:
        a = versions[0]
    if b is None:
        others = [each for each in versions if a is not None and each.pk != a.pk]
        b = next(iter([*(each for each in others if a is not None and each.name == a.name), *others]), None)
    context = {
        "project": project,
        "section": "models",
        "versions": versions,
        "a": a,
        "b": b,
        "comparison": compare(a, b) if a is not None and b is not None and a.pk != b.pk else None,
    }
    return render(request, "registry/compare.html", context)


@team_object(Project, Role.MEMBER, related=("team",))
@require_POST
def suite_create(request: HttpRequest, project: Project) -> HttpResponse:
    form = SuiteForm(request.POST, project=project)
    if not form.is_valid():
        sentences = [str(text) for texts in form.errors.values() for text in texts]
        messages.error(request, " ".join(sentences))
        return redirect("model-list", project.code)
    try:
        evaluations.suite_create(project=project, created_by=cast(User, request.user), **form.cleaned_data)
    except RegistryError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("Saved. Run it on the page of any version."))
    return redirect("model-list", project.code)


@team_object(EvaluationSuite, Role.MEMBER, related=("project__team",))
@require_POST
def suite_archive(request: HttpRequest, suite: EvaluationSuite) -> HttpResponse:
    evaluations.suite_archive(suite=suite)
    return redirect("model-list", suite.project.code)
