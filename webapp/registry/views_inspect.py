"""Looking into a model from its page, and the page of what was found."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from webapp.jobs.errors import JobRefused
from webapp.registry import inspections
from webapp.registry.errors import RegistryError
from webapp.registry.forms import inspection_form
from webapp.registry.models import Inspection, ModelVersion
from webapp.registry.queries import RELATED
from webapp.teams.access import team_object
from webapp.teams.models import Role, User

RELATED_INSPECTION = ("job__lease", "created_by", *(f"version__{name}" for name in RELATED))


@team_object(ModelVersion, Role.MEMBER, related=RELATED)
@require_POST
def model_inspect(request: HttpRequest, version: ModelVersion) -> HttpResponse:
    what = request.POST.get("what", "")
    if what not in inspections.offered(version):
        raise Http404
    form = inspection_form(what, version.project, request.POST)
    back = f"{version.get_absolute_url()}?tab=transparency"
    if not form.is_valid():
        messages.error(request, " ".join(f"{name}: {text}" for name, texts in form.errors.items() for text in texts))
        return redirect(back)
    try:
        made = inspections.inspection_start(
            version=version, what=what, created_by=cast(User, request.user), **form.cleaned_data
        )
    except (RegistryError, JobRefused) as error:
        messages.error(request, str(error))
        return redirect(back)
    return redirect(made)


@team_object(Inspection, Role.VIEWER, related=RELATED_INSPECTION)
@require_GET
def inspection_detail(request: HttpRequest, inspection: Inspection) -> HttpResponse:
    """The report; while the job goes on, how far it is, asked for again by the page itself."""
    context = {
        "inspection": inspection,
        "version": inspection.version,
        "project": inspection.version.project,
        "job": inspection.job,
        "report": inspection.report,
        "section": "models",
        "template": f"registry/_report_{inspection.what}.html",
    }
    if request.headers.get("HX-Target") == "inspection":
        return render(request, "registry/_inspection.html", context)
    return render(request, "registry/inspection.html", context)
