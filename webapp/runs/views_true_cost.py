"""What a model really cost, and what one more point of quality would."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from webapp.costs.csv import csv_response
from webapp.costs.lineage import true_cost
from webapp.projects.models import Project
from webapp.runs.models import Run
from webapp.runs.quality_cost import quality_chart, quality_cost, versions_with_runs
from webapp.runs.true_cost import chart_of
from webapp.teams.access import team_object
from webapp.teams.models import Role

RELATED = ("project__team", "dataset_version__dataset", "latest_job", "parent")


@team_object(Run, Role.VIEWER, related=RELATED)
@require_GET
def run_true_cost(request: HttpRequest, run: Run) -> HttpResponse:
    cost = true_cost(run)
    context = {"project": run.project, "section": "runs", "run": run, "cost": cost, "chart": chart_of(cost)}
    return render(request, "runs/true_cost.html", context)


@team_object(Run, Role.VIEWER, related=RELATED)
@require_GET
def run_true_cost_csv(request: HttpRequest, run: Run) -> StreamingHttpResponse:
    cost = true_cost(run)
    rows = [*((step.title, step.usd, step.num_jobs) for step in cost.steps), ("In all", cost.total_usd, "")]
    return csv_response(rows, columns=("part", "effective_usd", "jobs"), name=f"true-cost-{run.code}")


@team_object(Project, Role.VIEWER, related=("team",))
@require_GET
def project_quality_cost(request: HttpRequest, project: Project) -> HttpResponse:
    versions = versions_with_runs(project)
    wanted = request.GET.get("version", "")
    version = next((v for v in versions if v.code == wanted), None)
    if wanted and version is None:
        raise Http404
    version = version or next(iter(versions), None)
    found = quality_cost(project, version) if version else None
    if request.GET.get("format") == "csv" and found:
        rows = ((p.run.code, p.run.name, p.usd, p.value, p.on_frontier) for p in found.runs)
        columns = ("run", "name", "effective_usd", found.metric, "on_frontier")
        return csv_response(rows, columns=columns, name=f"quality-{project.code}")  # type: ignore[return-value]
    context = {
        "project": project, "section": "costs", "team": project.team, "versions": versions, "found": found,
        "chart": quality_chart(found) if found else None,
    }  # fmt: skip
    return render(request, "runs/quality_cost.html", context)
