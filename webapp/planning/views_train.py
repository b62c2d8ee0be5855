"""Train this: the run that a plan's version means, looked at before it is made."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from webapp.datasets.models import DatasetVersion
from webapp.jobs.errors import JobRefused
from webapp.planning.models import Plan
from webapp.planning.page import page_of
from webapp.planning.train import plan_run_create, planned_run
from webapp.teams.access import team_object
from webapp.teams.models import Role, User


@team_object(Plan, Role.MEMBER, related=("project__team",))
@require_http_methods(["GET", "POST"])
def plan_train(request: HttpRequest, plan: Plan) -> HttpResponse:
    page = page_of(request, plan)
    versions = (
        DatasetVersion.objects.filter(dataset__project=plan.project, ready_at__isnull=False, vocab_size__isnull=False)
        .select_related("dataset").defer("report").order_by("-ready_at")
    )  # fmt: skip
    wanted = request.POST.get("data") or request.GET.get("data", "")
    data = next((version for version in versions if version.code == wanted), None) or versions.first()
    planned, refusal = None, ""
    if data is not None:
        try:
            if request.method == "POST":
                run = plan_run_create(
                    version=page.version, data=data, created_by=cast(User, request.user),
                    name=request.POST.get("name", "")[:120],
                )  # fmt: skip
                messages.success(request, _("%(run)s waits for a worker.") % {"run": run})
                return redirect(run)
            planned = planned_run(page.version, data)
        except JobRefused as error:
            refusal = str(error)
    context = page.context("train") | {
        "versions": versions, "data": data, "planned": planned, "refusal": refusal,
    }  # fmt: skip
    return render(request, "planning/train.html", context, status=422 if request.method == "POST" else 200)
