"""The wizard: a budget becomes a proposal, its rows can be edited, and what is started is what was quoted."""

from __future__ import annotations

from typing import Any, cast

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from webapp.jobs.errors import JobRefused
from webapp.ladders import services
from webapp.ladders.forms import WizardForm, rows_read
from webapp.ladders.proposal import Proposal, measured_device, proposal_elsewhere, propose, quoted, target_beyond
from webapp.ladders.rungs import RungRefused
from webapp.ladders.timing import device_of_ladders
from webapp.projects.models import Project
from webapp.teams.access import team_object
from webapp.teams.models import Role, User


@team_object(Project, Role.MEMBER, related=("team",))
@require_http_methods(["GET", "POST"])
def ladder_create(request: HttpRequest, project: Project) -> HttpResponse:
    form = WizardForm(request.POST or None, project=project, initial={"version": request.GET.get("version")})
    context = _page(form, project)
    if request.method == "POST" and form.is_valid():
        try:
            proposal = _edited(form, project, request.POST)
            ladder = services.ladder_create(
                project=project, created_by=cast(User, request.user), name=form.cleaned_data["name"],
                common=form.common(), proposal=proposal, settings=form.settings(),
            )  # fmt: skip
        except (RungRefused, JobRefused) as error:
            form.add_error(None, str(error))
        except ValidationError as error:
            form.add_error(None, error)
        else:
            return redirect(ladder)
    return render(request, "ladders/wizard.html", context, status=422 if form.errors else 200)


@team_object(Project, Role.MEMBER, related=("team",))
@require_POST
def ladder_propose(request: HttpRequest, project: Project) -> HttpResponse:
    """The proposal for the form as it stands, or the quote of its edited rows."""
    form = WizardForm(request.POST, project=project)
    context: dict[str, Any] = {"project": project, "form": form}
    if form.is_valid():
        try:
            if request.POST.get("action") == "quote":
                context["proposal"] = _edited(form, project, request.POST)
            else:
                seconds = form.budget_seconds(measured_device().usd_per_hour)
                context["proposal"] = propose(
                    form.common(), project.team, budget_seconds=seconds, target_ratio=form.cleaned_data["target_ratio"]
                )
            version = form.cleaned_data["version"]
            context["elsewhere"] = proposal_elsewhere(context["proposal"], version, project.team)
        except RungRefused as error:
            context["refusal"] = str(error)
    else:
        context["refusal"] = _first_error(form)
    return render(request, "ladders/_proposal.html", context)


def _edited(form: WizardForm, project: Project, data: Any) -> Proposal:
    """Return the ladder of the rows as they stand, with the target that the budget's proposal had."""
    sizes = rows_read(data)
    try:
        target = (float(data.get("target_params", "")), float(data.get("target_tokens", "")))
    except ValueError:
        target = target_beyond(sizes, form.cleaned_data["target_ratio"])
    if not all(1 <= value < 1e18 for value in target):
        raise RungRefused(_("The run to be predicted needs a size and a token count."))
    return quoted(sizes, form.common(), project.team, target=target, has_repeat=bool(data.get("repeat")))


def _page(form: WizardForm, project: Project) -> dict[str, Any]:
    device = device_of_ladders()
    return {
        "project": project, "section": "ladder", "form": form, "device": device,
        "is_measured": bool(device and device.calibration),
        "has_versions": form.fields["version"].queryset.exists(),  # type: ignore[attr-defined]
    }  # fmt: skip


def _first_error(form: WizardForm) -> str:
    name, errors = next(iter(form.errors.items()))
    label = form.fields[name].label if name in form.fields else ""
    return f"{label}: {errors[0]}" if label else str(errors[0])
