"""How good the quotes of a project were, and one quote's file for the command line."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from webapp.jobs.models import Job
from webapp.projects.models import Project
from webapp.quotes import quality
from webapp.quotes.asked import planned
from webapp.quotes.models import Quote
from webapp.quotes.panels import against
from webapp.quotes.services import quote_beside
from webapp.teams.access import team_object
from webapp.teams.models import Role

NUM_LATEST = 50


@team_object(Project, Role.VIEWER, related=("team",))
@require_GET
def project_quotes(request: HttpRequest, project: Project) -> HttpResponse:
    kinds = list(Quote.objects.filter(project=project).order_by("kind").values_list("kind", flat=True).distinct())
    kind = request.GET.get("kind", "")
    kind = kind if kind in kinds else ""
    pairs = quality.pairs_of(project, kind=kind)
    quotes = Quote.objects.filter(project=project).select_related("job", "outcome")
    if kind:
        quotes = quotes.filter(kind=kind)
    context = {
        "project": project,
        "kinds": kinds,
        "kind": kind,
        "all": quality.judge(pairs, title=_("all")),
        "by_kind": quality.by_kind(pairs),
        "by_size": quality.by_size(pairs),
        "errors": quality.error_chart(pairs),
        "course": quality.course_chart(pairs),
        "latest": [_latest(quote) for quote in quotes[:NUM_LATEST]],
        "section": "quotes",
    }
    return render(request, "quotes/quotes.html", context)


@team_object(Project, Role.VIEWER, related=("team",))
@require_GET
def quote_asked(request: HttpRequest, project: Project) -> HttpResponse:
    """What the job of a small form would take, as its fields stand, or an ended job (`again`) that is to be done again."""
    found = quote_beside(planned(project, request.GET))
    return render(request, "quotes/_beside.html", {"beside": found, "quote": found.quote if found else None})


@team_object(Job, Role.VIEWER, related=("team", "project"))
@require_GET
def quote_file(request: HttpRequest, job: Job) -> HttpResponse:
    """The quote's inputs: `python -m economics quote FILE` gives the same numbers."""
    quote = Quote.objects.filter(job=job).first()
    if quote is None or not quote.file:
        raise Http404
    response = JsonResponse(quote.file, json_dumps_params={"indent": 1})
    response["Content-Disposition"] = f'attachment; filename="quote-{job.code}.json"'
    return response


def _latest(quote: Quote) -> dict[str, object]:
    outcome = getattr(quote, "outcome", None)
    rows = {row.name: row for row in against(quote.job, quote, outcome)}
    return {"quote": quote, "outcome": outcome, "time": rows.get("seconds"), "usd": rows.get("usd")}
