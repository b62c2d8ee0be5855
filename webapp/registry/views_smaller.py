"""Asking for a run that makes a kept model smaller, from its page."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from webapp.jobs.errors import JobRefused
from webapp.registry.errors import RegistryError
from webapp.registry.models import ModelVersion
from webapp.registry.queries import RELATED
from webapp.registry.smaller import smaller_start
from webapp.registry.smaller_forms import WAYS, SmallerForm
from webapp.registry.views_version import TABS, page_context
from webapp.teams.access import team_object
from webapp.teams.models import Role, User

TAB = "compress"


@team_object(ModelVersion, Role.MEMBER, related=RELATED)
@require_POST
def model_smaller(request: HttpRequest, version: ModelVersion) -> HttpResponse:
    way = WAYS.get(request.POST.get("way", ""))
    if way is None:
        raise Http404
    try:
        form = way(request.POST, version=version)
        if not form.is_valid():
            return form_again(request, version, form)
        smaller_start(version=version, spec=form.spec(), created_by=cast(User, request.user))
    except (RegistryError, JobRefused) as error:
        messages.error(request, str(error))
    else:
        messages.success(
            request, _("It waits for a worker; once it has trained, both models are measured side by side.")
        )
    return redirect(f"{version.get_absolute_url()}?tab={TAB}")


def form_again(request: HttpRequest, version: ModelVersion, form: SmallerForm) -> HttpResponse:
    """Show the page with what was written, and what is wrong with it."""
    tab = next(each for each in TABS if each.name == TAB)
    context = {**page_context(request, version), **tab.context(version), "tab": tab, "tabs": TABS}
    context["ways"] = [form if each.name == form.name else each for each in context["ways"]]
    return render(request, "registry/model.html", context, status=422)
