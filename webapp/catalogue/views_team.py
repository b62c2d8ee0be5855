"""A team's own hardware and contracts."""

from __future__ import annotations

from decimal import Decimal
from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from webapp.catalogue.contracts import contract_bill, contract_left
from webapp.catalogue.forms import BillForm, ContractForm, HardwareForm, UseForm
from webapp.catalogue.freshness import today
from webapp.catalogue.models import Contract, OwnHardware
from webapp.catalogue.ownership import hardware_hour
from webapp.catalogue.services import price_for
from webapp.teams.access import team_object
from webapp.teams.models import Role, Team, User


@team_object(Team, Role.VIEWER)
@require_GET
def own(request: HttpRequest, team: Team) -> HttpResponse:
    """What the team owns and agreed, and what an hour of each costs."""
    day = today()
    context = {
        "team": team,
        "hardware": [
            (item, hardware_hour(item)) for item in OwnHardware.objects.filter(team=team).select_related("accelerator")
        ],
        "contracts": [
            (item, contract_left(item, on=day))
            for item in Contract.objects.filter(team=team).select_related("accelerator")
        ],
        "may_manage": request.team_role >= Role.ADMIN,  # type: ignore[attr-defined]
        "at": day,
    }
    return render(request, "catalogue/own.html", context)


@team_object(Team, Role.ADMIN)
@require_http_methods(["GET", "POST"])
def hardware_new(request: HttpRequest, team: Team) -> HttpResponse:
    form = HardwareForm(request.POST or None, instance=OwnHardware(team=team))
    if request.method == "POST" and form.is_valid():
        return redirect(form.save())
    context = {"team": team, "form": form, "title": _("Own hardware")}
    return render(request, "catalogue/own_form.html", context, status=422 if form.errors else 200)


@team_object(OwnHardware, Role.VIEWER, related=("team", "accelerator"))
@require_http_methods(["GET", "POST"])
def hardware_detail(request: HttpRequest, hardware: OwnHardware) -> HttpResponse:
    may_manage = request.team_role >= Role.ADMIN  # type: ignore[attr-defined]
    form = HardwareForm(request.POST if may_manage and request.method == "POST" else None, instance=hardware)
    if form.is_bound and form.is_valid():
        form.save()
        messages.success(request, _("Saved."))
        return redirect(hardware)
    hardware.refresh_from_db()  # a refused form must not change the price shown beside it
    rent = price_for(hardware.accelerator, at=today()) if hardware.accelerator else None
    context = {
        "hardware": hardware, "cost": hardware_hour(hardware), "form": form if may_manage else None, "rent": rent,
        "team": hardware.team,
    }  # fmt: skip
    return render(request, "catalogue/hardware.html", context, status=422 if form.errors else 200)


@team_object(Team, Role.ADMIN)
@require_http_methods(["GET", "POST"])
def contract_new(request: HttpRequest, team: Team) -> HttpResponse:
    form = ContractForm(request.POST or None, instance=Contract(team=team), initial={"starts_on": today()})
    if request.method == "POST" and form.is_valid():
        return redirect(form.save())
    context = {"team": team, "form": form, "title": _("Contract")}
    return render(request, "catalogue/own_form.html", context, status=422 if form.errors else 200)


@team_object(Contract, Role.VIEWER, related=("team", "accelerator"))
@require_GET
def contract_detail(request: HttpRequest, contract: Contract) -> HttpResponse:
    day = today()
    found = price_for(contract.accelerator, at=day) if contract.accelerator else None
    asked = BillForm(request.GET if "hours" in request.GET else None)
    if found:
        asked.fields["list_usd"].initial = round(found.usd_per_hour, 4)
    values = asked.cleaned_data if asked.is_bound and asked.is_valid() else None
    hours = values["hours"] if values else 100.0
    list_usd = values["list_usd"] if values else asked.fields["list_usd"].initial
    context = {
        "contract": contract,
        "left": contract_left(contract, on=day),
        "uses": contract.uses.select_related("entered_by")[:50],
        "bill_form": asked,
        "bill": contract_bill(contract, hours=hours, list_usd_per_hour=Decimal(str(list_usd)), on=day),
        "use_form": UseForm(initial={"used_on": day}),
        "may_manage": request.team_role >= Role.ADMIN,  # type: ignore[attr-defined]
        "team": contract.team,
        "at": day,
    }
    return render(request, "catalogue/contract.html", context)


@team_object(Contract, Role.ADMIN, related=("team",))
@require_POST
def contract_use(request: HttpRequest, contract: Contract) -> HttpResponse:
    form = UseForm(request.POST)
    if form.is_valid():
        use = form.save(commit=False)
        use.contract, use.entered_by = contract, cast(User, request.user)
        use.save()
        messages.success(request, _("Written down."))
    else:
        messages.error(request, " ".join(str(text) for texts in form.errors.values() for text in texts))
    return redirect(contract)
