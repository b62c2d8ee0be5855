"""Contests between two models: drawn up, judged blind, and their win rate."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from webapp.projects.models import Project
from webapp.runs.models import Checkpoint
from webapp.serving.choices import (
    FEWEST,
    contest_prepare,
    conversations_dataset,
    conversations_prepare,
    learner_of,
    rows_of_contest,
)
from webapp.serving.contests import (
    ContestRefused,
    asking,
    bout_judge,
    contest_create,
    contest_rate,
    contest_rates,
    prompt_set_save,
    prompts_of,
    rates_by_rule,
)
from webapp.serving.models import Contest, Preference, PromptSet
from webapp.serving.queries import playable_checkpoints
from webapp.serving.rules import RULES
from webapp.serving.tasks import contest_answers
from webapp.teams.access import team_object
from webapp.teams.models import Role, User

NUM_SHOWN = 50


@team_object(Project, Role.VIEWER, related=("team",))
@require_GET
def contests(request: HttpRequest, project: Project) -> HttpResponse:
    """All contests of a project; with `contest` one of them, and the next pair to judge."""
    code = request.GET.get("contest", "")
    held = Contest.objects.filter(project=project).select_related("prompt_set", "dataset", "first__run", "second__run")
    chosen = get_object_or_404(held, code=code) if code else None
    models = [each for each in playable_checkpoints(project=project) if asking(each)]
    context = {
        "project": project, "section": "playground", "rules": RULES, "contest": chosen,
        "may_judge": request.team_role >= Role.MEMBER,  # type: ignore[attr-defined]
        "rows": [] if chosen else contest_rates(held[:NUM_SHOWN]),
        "models": models, "sets": PromptSet.objects.filter(project=project),
    }  # fmt: skip
    context |= _of_contest(chosen) if chosen else _of_conversations(project, models)
    return render(request, "serving/contests.html", context)


def _of_contest(contest: Contest) -> dict[str, Any]:
    open_bouts = contest.bouts.filter(winner="").exclude(answered_at=None)
    return {
        "rate": contest_rate(contest), "by_rule": rates_by_rule(contest),
        "bout": open_bouts.first() if not contest.rule else None, "num_open": open_bouts.count(),
        "num_unanswered": contest.bouts.filter(answered_at=None).count(),
        "bouts": contest.bouts.exclude(winner=""), "num_choices": len(list(rows_of_contest(contest))),
        "learner": learner_of(contest), "few": FEWEST,
        "learnt_from": contest.dataset.versions.first() if contest.dataset else None,
    }  # fmt: skip


def _of_conversations(project: Project, models: list[Checkpoint]) -> dict[str, Any]:
    dataset = conversations_dataset(project)
    return {
        "learnt_from": dataset.versions.first() if dataset else None,
        "num_preferences": Preference.objects.filter(project=project).count(), "few": FEWEST,
        "talking": [each for each in models if asking(each) == "chat"],
    }  # fmt: skip


@team_object(Project, Role.MEMBER, related=("team",))
@require_POST
def contest_add(request: HttpRequest, project: Project) -> HttpResponse:
    kept = Checkpoint.objects.filter(run__project=project, removed_at=None).select_related("run")
    given, by = request.POST, cast(User, request.user)
    first, second = (kept.filter(code=given.get(name, "")).first() for name in ("first", "second"))
    try:
        if first is None or second is None:
            raise ContestRefused(_("Choose two checkpoints that are still kept."))
        with transaction.atomic():
            contest = contest_create(
                project=project, name=given.get("name", ""), prompt_set=_prompt_set(request, project), first=first,
                second=second, rule=given.get("rule", "") if given.get("rule", "") in RULES else "",
                rule_text=given.get("rule_text", "").strip(), created_by=by,
            )  # fmt: skip
    except ContestRefused as refusal:
        messages.error(request, str(refusal))
        return redirect("contests", project.code)
    contest_answers.delay_on_commit(contest.pk)
    return redirect(_address(project, contest.code))


def _prompt_set(request: HttpRequest, project: Project) -> PromptSet:
    """Return the set that was chosen, or keep the prompts that were written as one."""
    if code := request.POST.get("prompt_set", ""):
        found = PromptSet.objects.filter(project=project, code=code).first()
        if found is None:
            raise ContestRefused(_("This set of prompts is not there any more. Choose another."))
        return found
    prompts = prompts_of(request.POST.get("prompts", ""), has_wanted=bool(request.POST.get("has_wanted")))
    name = request.POST.get("set_name", "") or request.POST.get("name", "")
    return prompt_set_save(project=project, name=name, prompts=prompts, created_by=cast(User, request.user))


@team_object(Project, Role.MEMBER, related=("team",))
@require_POST
def choices_learn(request: HttpRequest, project: Project) -> HttpResponse:
    """Prepare choices for the model that shall learn from them: those of a contest, or those of conversations."""
    by, code = cast(User, request.user), request.POST.get("contest", "")
    try:
        if code:
            version = contest_prepare(contest=get_object_or_404(Contest, project=project, code=code), created_by=by)
        else:
            kept = Checkpoint.objects.filter(run__project=project, removed_at=None).select_related(
                "run__dataset_version"
            )
            learner = get_object_or_404(kept, code=request.POST.get("learner", ""))
            version = conversations_prepare(learner=learner, created_by=by)
    except ContestRefused as refusal:
        messages.error(request, str(refusal))
        return redirect(_address(project, code))
    messages.success(request, _("The choices are being prepared. Once they are, learn from them here."))
    return redirect(version)


@team_object(Project, Role.MEMBER, related=("team",))
@require_POST
def contest_judge(request: HttpRequest, project: Project) -> HttpResponse:
    """Keep a verdict, or let what has no answers yet be answered again."""
    contest = get_object_or_404(Contest, project=project, code=request.POST.get("contest", ""))
    if request.POST.get("choice") == "again":
        contest_answers.delay_on_commit(contest.pk)
        return redirect(_address(project, contest.code))
    number = request.POST.get("number", "")
    try:
        bout_judge(
            contest=contest, number=int(number) if number.isdigit() else 0, choice=request.POST.get("choice", ""),
            judged_by=cast(User, request.user),
        )  # fmt: skip
    except ContestRefused as refusal:
        messages.error(request, str(refusal))
    return redirect(_address(project, contest.code))


def _address(project: Project, contest: str) -> str:
    """Return the page of a contest, by its code; without one that of all."""
    page = reverse("contests", args=[project.code])
    return f"{page}?contest={contest}" if contest else page
