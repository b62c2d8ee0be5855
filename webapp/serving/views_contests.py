"""Contests between two models: drawn up, judged blind, and their win rate."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from webapp.projects.models import Project
from webapp.runs.models import Checkpoint
from webapp.serving.contests import RULES, ContestRefused, asking, bout_judge, contest_create, win_rate
from webapp.serving.models import Contest
from webapp.serving.queries import playable_checkpoints
from webapp.serving.tasks import contest_answers
from webapp.teams.access import team_object
from webapp.teams.models import Role, User


@team_object(Project, Role.VIEWER, related=("team",))
@require_GET
def contests(request: HttpRequest, project: Project) -> HttpResponse:
    """All contests of a project; with `contest` one of them, and the next pair to judge."""
    code = request.GET.get("contest", "")
    chosen = get_object_or_404(Contest, project=project, code=code) if code else None
    context = {
        "project": project, "section": "playground", "rules": RULES, "contest": chosen,
        "may_judge": request.team_role >= Role.MEMBER,  # type: ignore[attr-defined]
        "rows": [(each, win_rate(each)) for each in Contest.objects.filter(project=project)[:50]],
        "models": [each for each in playable_checkpoints(project=project) if asking(each)],
    }  # fmt: skip
    if chosen is not None:
        open_bouts = chosen.bouts.filter(winner="").exclude(answered_at=None)
        context |= {
            "rate": win_rate(chosen), "bout": open_bouts.first() if not chosen.rule else None,
            "num_open": open_bouts.count(), "num_unanswered": chosen.bouts.filter(answered_at=None).count(),
            "bouts": chosen.bouts.exclude(winner=""),
        }  # fmt: skip
    return render(request, "serving/contests.html", context)


@team_object(Project, Role.MEMBER, related=("team",))
@require_POST
def contest_add(request: HttpRequest, project: Project) -> HttpResponse:
    kept = Checkpoint.objects.filter(run__project=project, removed_at=None).select_related("run")
    first, second = (kept.filter(code=request.POST.get(name, "")).first() for name in ("first", "second"))
    prompts = [line.strip() for line in request.POST.get("prompts", "").splitlines() if line.strip()]
    try:
        if first is None or second is None:
            raise ContestRefused("Choose two checkpoints that are still kept.")
        contest = contest_create(
            project=project, name=request.POST.get("name", ""), prompts=prompts, first=first, second=second,
            rule=request.POST.get("rule", "") if request.POST.get("rule", "") in RULES else "",
            rule_text=request.POST.get("rule_text", ""), created_by=cast(User, request.user),
        )  # fmt: skip
    except ContestRefused as refusal:
        messages.error(request, str(refusal))
        return redirect("contests", project.code)
    contest_answers.delay_on_commit(contest.pk)
    return redirect(_address(project, contest))


@team_object(Project, Role.MEMBER, related=("team",))
@require_POST
def contest_judge(request: HttpRequest, project: Project) -> HttpResponse:
    """Keep a verdict, or let what has no answers yet be answered again."""
    contest = get_object_or_404(Contest, project=project, code=request.POST.get("contest", ""))
    if request.POST.get("choice") == "again":
        contest_answers.delay_on_commit(contest.pk)
        return redirect(_address(project, contest))
    number = request.POST.get("number", "")
    try:
        bout_judge(
            contest=contest, number=int(number) if number.isdigit() else 0, choice=request.POST.get("choice", ""),
            judged_by=cast(User, request.user),
        )  # fmt: skip
    except ContestRefused as refusal:
        messages.error(request, str(refusal))
    return redirect(_address(project, contest))


def _address(project: Project, contest: Contest) -> str:
    return f"{reverse('contests', args=[project.code])}?contest={contest.code}"
