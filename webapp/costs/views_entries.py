"""Entries by hand, corrections, and commitments: for admins of the team."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from webapp.costs.commitments import commitments_charge, effective_usd_per_hour
from webapp.costs.entry_forms import CommitmentForm, CorrectionForm, EntryForm, correction_initial
from webapp.costs.models import Commitment, LedgerEntry
from webapp.costs.queries import ledger_of, spend
from webapp.costs.services import entry_add, ledger_correct
from webapp.teams.access import team_object
from webapp.teams.models import Role, Team, User


@team_object(Team, Role.ADMIN)
@require_http_methods(["GET", "POST"])
def entry_new(request: HttpRequest, team: Team) -> HttpResponse:
    form = EntryForm(request.POST or None, team=team)
    if request.method == "POST" and form.is_valid():
        names = ("kind", "day", "description", "project", "member", "provider", "note")
        given = {name: form.cleaned_data[name] for name in names}
        try:
            entry_add(team=team, money=form.money(), entered_by=cast(User, request.user), **given)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("Written into the ledger."))
            return redirect("team-costs", team.code)
    context = {"team": team, "form": form, "kinds": LedgerEntry.Kind}
    return render(request, "costs/entry_new.html", context, status=422 if form.errors else 200)


@team_object(Team, Role.ADMIN)
@require_http_methods(["GET", "POST"])
def entry_correct(request: HttpRequest, team: Team, entry_id: int) -> HttpResponse:
    entry = get_object_or_404(LedgerEntry.objects.select_related("job", "corrects"), team=team, pk=entry_id)
    form = CorrectionForm(request.POST or None, initial=correction_initial(entry))
    if request.method == "POST" and form.is_valid():
        ledger_correct(entry=entry, by=cast(User, request.user), **form.cleaned_data)
        messages.success(request, _("The difference is an entry of its own; the first one stays as it was."))
        return redirect("entry-correct", team.code, (entry.corrects or entry).pk)
    first = entry.corrects or entry
    context = {"team": team, "form": form, "entry": first, "written": [first, *first.corrections.order_by("pk")]}
    return render(request, "costs/entry.html", context, status=422 if form.errors else 200)


@team_object(Team, Role.VIEWER)
@require_http_methods(["GET", "POST"])
def commitments(request: HttpRequest, team: Team) -> HttpResponse:
    may_write = request.team_role >= Role.ADMIN  # type: ignore[attr-defined]
    form = CommitmentForm(request.POST or None, team=team, instance=Commitment(team=team)) if may_write else None
    if request.method == "POST":
        if form is None:
            return HttpResponse(status=403)
        if form.is_valid():
            form.save()
            commitments_charge()
            messages.success(request, _("Saved; its days until yesterday are in the ledger."))
            return redirect("team-commitments", team.code)
    rows = [_row(each) for each in Commitment.objects.filter(team=team).select_related("machine")]
    context = {"team": team, "form": form, "rows": rows}
    return render(request, "costs/commitments.html", context, status=422 if form and form.errors else 200)


def _row(commitment: Commitment) -> dict[str, Any]:
    """Return a commitment with what of it was paid, used and not used so far."""
    total = spend(ledger_of(team=commitment.team).filter(commitment=commitment))
    return {
        "commitment": commitment,
        "spend": total,
        "used_usd": total.effective_usd - total.unused_usd,
        "usd_per_hour": effective_usd_per_hour(commitment),
    }
