"""What modules ask for: points of charts, and files. JSON and CSV only."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import msgspec
from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.views.decorators.http import require_GET

from webapp.projects.models import Project
from webapp.runs.chart_data import run_json
from webapp.runs.metric_queries import MAX_POINTS_LIMIT, metric_csv, metric_keys, metric_many
from webapp.runs.models import Run
from webapp.teams.access import team_object
from webapp.teams.models import Role

RELATED = ("project__team", "dataset_version", "latest_job")
CSV_LINES_A_CHUNK = 500
MAX_OVERLAID_RUNS = 30


def json_response(content: Any) -> HttpResponse:
    """Return the content as JSON; strings of Django's own kinds are plain strings to the page."""
    return HttpResponse(msgspec.json.encode(content, enc_hook=_plain_text), content_type="application/json")


def _plain_text(value: Any) -> str:
    """Return text of a kind of its own (safe, lazy) as a plain string, which str() does not always do."""
    return "".join((str(value),))


@team_object(Run, Role.VIEWER, related=RELATED)
@require_GET
def run_metrics(request: HttpRequest, run: Run) -> HttpResponse:
    """`?keys=a,b&points=1000&first=&last=`: series, the run's axes and marks. No keys: all of them."""
    keys = [key for key in request.GET.get("keys", "").split(",") if key] or metric_keys(run)
    series = metric_many(
        run,
        keys,
        max_points=_number(request, "points") or 1_000,
        first_step=_number(request, "first"),
        last_step=_number(request, "last"),
    )
    return json_response({"run": run_json(run), "series": [found.as_json() for found in series]})


@team_object(Project, Role.VIEWER, related=("team",))
@require_GET
def runs_metrics(request: HttpRequest, project: Project) -> HttpResponse:
    """`?runs=a,b&keys=x,y&points=`: the same of several runs, for curves laid over each other."""
    codes = [code for code in request.GET.get("runs", "").split(",") if code][:MAX_OVERLAID_RUNS]
    keys = [key for key in request.GET.get("keys", "").split(",") if key]
    points = min(_number(request, "points") or 500, MAX_POINTS_LIMIT)
    rows = Run.objects.filter(project=project, code__in=codes, deleted_at=None).select_related(*RELATED)
    found = []
    for run in sorted(rows, key=lambda run: codes.index(run.code)):
        series = metric_many(run, keys or metric_keys(run), max_points=points)
        found.append({"run": run_json(run), "series": [each.as_json() for each in series]})
    return json_response({"runs": found})


@team_object(Run, Role.VIEWER, related=RELATED)
@require_GET
def run_csv(request: HttpRequest, run: Run) -> StreamingHttpResponse:
    """Every metric of the run, one row a step, as it comes from the database."""
    response = StreamingHttpResponse(in_chunks(metric_csv(run)), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="metrics-{run.code}.csv"'
    return response


async def in_chunks(lines: Iterator[str]) -> AsyncIterator[bytes]:
    """Yield lines in chunks, each made in a thread, so that a long table neither fills memory nor holds the server up."""

    def chunk() -> bytes:
        found = [line for _, line in zip(range(CSV_LINES_A_CHUNK), lines, strict=False)]
        return "".join(found).encode()

    while block := await sync_to_async(chunk, thread_sensitive=True)():
        yield block


def _number(request: HttpRequest, name: str) -> int | None:
    """Return a whole number of the query, None where it is missing or is none."""
    try:
        return int(float(request.GET.get(name, "")))
    except (ValueError, OverflowError):
        return None
