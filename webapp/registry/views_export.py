"""Taking a model away in a format of others: asking for it, and the download once it was checked."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from webapp.jobs.errors import JobRefused
from webapp.registry.errors import RegistryError
from webapp.registry.exports import export_start
from webapp.registry.models import Export, ModelVersion
from webapp.registry.queries import RELATED
from webapp.teams.access import team_object
from webapp.teams.models import Role, User
from webapp.ui.downloads import folder_response


@team_object(ModelVersion, Role.MEMBER, related=RELATED)
@require_POST
def model_export(request: HttpRequest, version: ModelVersion) -> HttpResponse:
    name, weights = request.POST.get("format", ""), request.POST.get("weights") or "float32"
    try:
        export_start(version=version, name=name, weights=weights, created_by=cast(User, request.user))
    except (RegistryError, JobRefused) as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("It waits for a worker; once it was run and compared it is offered here."))
    return redirect(f"{version.get_absolute_url()}?tab=exports")


@team_object(Export, Role.VIEWER, related=tuple(f"version__{name}" for name in RELATED))
@require_GET
def export_download(request: HttpRequest, export: Export) -> HttpResponseBase:
    if not export.is_offered:
        raise Http404
    return folder_response(export.path, name=f"{export.version.name}-v{export.version.number}-{export.format}.zip")
