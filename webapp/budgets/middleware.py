"""The question that a budget asks, put to whoever sent a form: any form that makes a job, without knowing of budgets.

A view that could not make its job shows the sentence like every refusal. Here its answer is replaced by a page that says
how the budgets stand and sends the same form again, with `budget_confirm` or `budget_override_reason`. Scripts and the
API get the view's own answer, and may send the same two fields.
"""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme

from webapp.budgets.decision import Decision, decided
from webapp.budgets.errors import BudgetAnswer, BudgetRefused
from webapp.budgets.models import Budget
from webapp.budgets.words import amount_text
from webapp.teams.access import role_in
from webapp.teams.models import Role, User

CONFIRM, REASON = "budget_confirm", "budget_override_reason"
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


class BudgetMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.method != "POST" or request.content_type not in FORMS:
            return self.get_response(request)
        user = request.user if isinstance(request.user, User) else None
        confirmed, reason = request.POST.get(CONFIRM) == "1", request.POST.get(REASON, "")
        with decided(by=user, confirmed=confirmed, override_reason=reason) as decision:
            response = self.get_response(request)
        return _question(request, decision.answers[-1], decision) if _asks(request, decision) else response


def _asks(request: HttpRequest, decision: Decision) -> bool:
    """Say whether a person looks at a page that can ask. It can send no files again: the view must have kept them."""
    if not decision.answers or (request.FILES and not decision.stand_ins) or request.headers.get("HX-Request"):
        return False
    return request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate" and "text/html" in request.headers.get(
        "Accept", "text/html"
    )


def _back(request: HttpRequest) -> str:
    """Return the page with the form: where it was sent from, since many forms send to an address that shows nothing."""
    came_from = request.headers.get("Referer", "")
    is_here = url_has_allowed_host_and_scheme(came_from, allowed_hosts={request.get_host()})
    return came_from if is_here else request.get_full_path()


def _question(request: HttpRequest, answer: BudgetAnswer, decision: Decision) -> HttpResponse:
    list(messages.get_messages(request))  # what the view left there says the same again: it is neither shown nor kept
    team = answer.standings[0].budget.team
    role = role_in(request.user, team)
    kept = [
        (name, value)
        for name, values in request.POST.lists()
        for value in values
        if name not in (CONFIRM, REASON, "csrfmiddlewaretoken", *decision.stand_ins)
    ]
    kept += decision.stand_ins.items()
    rows = [
        {
            "budget": each.budget,
            "month": each.month,
            "amount": amount_text(each.budget.amount, each.budget.unit),
            "spent": amount_text(each.spent, each.budget.unit),
            "held": amount_text(each.held, each.budget.unit),
            "free": amount_text(each.free, each.budget.unit),
        }
        for each in answer.standings
    ]
    context = {
        "answer": answer, "rows": rows, "kept": kept, "team": team, "refused": isinstance(answer, BudgetRefused),
        "may_override": role is not None and role >= Role.ADMIN, "reason": decision.override_reason, "confirm": CONFIRM,
        "reason_name": REASON, "units": Budget.Unit, "messages": [], "back": _back(request),
    }  # fmt: skip
    return render(request, "budgets/question.html", context, status=409)
