"""The log of a job's attempt: a part of it, a search, the whole file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from django.http import Http404, HttpRequest, HttpResponseBase, JsonResponse
from django.views.decorators.http import require_GET

from webapp.jobs.logs import log_page, log_search
from webapp.jobs.models import Job
from webapp.teams.access import team_object
from webapp.teams.models import Role
from webapp.ui.downloads import file_response


@team_object(Job, Role.VIEWER)
@require_GET
def log(request: HttpRequest, job: Job) -> JsonResponse:
    """Answer a part from byte `offset` on (without one, the end), or with `search` the lines that hold a text.

    With `before`, the part that ends at that byte.
    """
    path = _log_path(request, job)
    if wanted := request.GET.get("search", "").strip():
        return JsonResponse({"matches": [asdict(match) for match in log_search(path, wanted)]})
    offset, before = _number(request.GET.get("offset")), _number(request.GET.get("before"))
    page = log_page(path, offset=offset, before=before)
    return JsonResponse({**page.to_dict(), "is_final": job.is_final})


@team_object(Job, Role.VIEWER)
@require_GET
def download(request: HttpRequest, job: Job) -> HttpResponseBase:
    path = _log_path(request, job)
    if not path.is_file():
        raise Http404
    name = f"{job.kind}-{job.code}-{path.parent.name}.log"
    answer = file_response(request, path, name=name, content_type="text/plain; charset=utf-8")
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


def _log_path(request: HttpRequest, job: Job) -> Path:
    """Return the log of the attempt that is asked for, or of the latest."""
    fence = _number(request.GET.get("attempt"))
    return job.folder.attempt(job.fence if fence is None else fence).log


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and len(text) < 19 else None
