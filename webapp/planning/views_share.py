"""Links by which anybody may read an advantage page, until they are taken back."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from webapp.planning import services
from webapp.planning.inputs import inputs_from_dict
from webapp.planning.models import Plan, ShareLink
from webapp.planning.page import PlanPage, page_of
from webapp.planning.views_business import advantage_context
from webapp.teams.access import public, team_object
from webapp.teams.models import Role, User


@team_object(Plan, Role.MEMBER, related=("project__team",))
@require_POST
def share_new(request: HttpRequest, plan: Plan) -> HttpResponse:
    page = page_of(request, plan)
    _link, secret = services.share_create(version=page.version, created_by=cast(User, request.user))
    # shown once: the database keeps only its hash
    request.session["plan_share_secret"] = request.build_absolute_uri(reverse("plan-shared", args=[secret]))
    return redirect(reverse("plan-advantage", args=[plan.code]) + page.context("")["query"])


@team_object(ShareLink, Role.MEMBER, related=("version__plan__project__team",))
@require_POST
def share_end(request: HttpRequest, link: ShareLink) -> HttpResponse:
    services.share_revoke(link=link)
    messages.success(request, _("The link no longer opens."))
    return redirect("plan-advantage", link.version.plan.code)


@public
@require_GET
def shared(request: HttpRequest, secret: str) -> HttpResponse:
    """Show one version's advantage page to whoever has the link; nothing else of the team can be reached from it."""
    link = (
        ShareLink.objects.filter(secret_hash=services.secret_hash(secret), revoked_at=None)
        .select_related("version__plan__project__team")
        .first()
    )
    if link is None:
        raise Http404
    version = link.version
    page = PlanPage(version.plan, version, inputs_from_dict(version.inputs), True, False)
    context = advantage_context(page) | {
        "plan": version.plan, "version": version, "inputs": page.inputs, "results": page.results, "is_shared": True,
    }  # fmt: skip
    response = render(request, "planning/shared.html", context)
    response["X-Robots-Tag"] = "noindex"
    response["Cache-Control"] = "private, no-store"
    return response
