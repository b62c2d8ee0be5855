"""Guard rails of a project: what is checked, switched on and off, and what was decided and why."""

from __future__ import annotations

from typing import Any, cast

import msgspec
from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from webapp.projects.models import Project
from webapp.registry.models import ModelVersion
from webapp.serving.models import Guard, GuardDecision
from webapp.teams.access import team_object
from webapp.teams.models import Role, User


class GuardForm(forms.ModelForm[Guard]):
    class Meta:
        model = Guard
        fields = ("name", "kind", "direction", "action", "terms", "min_hits", "refusal", "version")
        widgets = {"terms": forms.Textarea(attrs={"rows": 4})}
        help_texts = {
            "terms": _("One a line, taken as whole words in any case; a * at the end stands for any ending."),
            "min_hits": _("A topic is met when so many of its words occur."),
            "refusal": _("Empty: “I cannot help with that.”"),
            "version": _("Empty: every model of the project."),
        }

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        versions = cast("forms.ModelChoiceField[ModelVersion]", self.fields["version"])
        versions.queryset = ModelVersion.objects.filter(project=project)
        versions.empty_label = str(_("all models"))
        self.fields["min_hits"].required = False

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        cleaned["min_hits"] = cleaned.get("min_hits") or 1
        if cleaned.get("kind") == Guard.Kind.WORDS and not (cleaned.get("terms") or "").strip():
            self.add_error("terms", _("Write the words or phrases to look for."))
        return cleaned


@team_object(Project, Role.VIEWER, related=("team",))
@require_http_methods(["GET"])
def guards(request: HttpRequest, project: Project) -> HttpResponse:
    return _page(request, project, GuardForm(project=project))


@team_object(Project, Role.VIEWER, related=("team",))
@require_GET
def guards_download(request: HttpRequest, project: Project) -> HttpResponse:
    """The checks of all models that are on, as the command line takes them: `generate --guards`, `predict --guards`."""
    rules = [guard.rule for guard in Guard.objects.filter(project=project, is_on=True, version=None)]
    text = msgspec.json.format(msgspec.json.encode(rules), indent=2)
    name = f'attachment; filename="guards-{project.code}.json"'
    return HttpResponse(text, content_type="application/json", headers={"Content-Disposition": name})


@team_object(Project, Role.ADMIN, related=("team",))
@require_POST
def guard_create(request: HttpRequest, project: Project) -> HttpResponse:
    form = GuardForm(request.POST, project=project)
    if not form.is_valid():
        return _page(request, project, form, status=422)
    form.instance.project, form.instance.created_by = project, cast(User, request.user)
    form.save()
    messages.success(request, _("%(name)s is on from the next question.") % {"name": form.instance.name})
    return redirect("guards", project.code)


@team_object(Project, Role.ADMIN, related=("team",))
@require_POST
def guard_change(request: HttpRequest, project: Project) -> HttpResponse:
    """Switch a guard on or off, or remove it; its decisions stay."""
    guard = get_object_or_404(Guard, project=project, pk=_number(request.POST.get("guard", "")))
    if request.POST.get("do") == "remove":
        guard.delete()
    else:
        Guard.objects.filter(pk=guard.pk).update(is_on=not guard.is_on)
    return redirect("guards", project.code)


def _page(request: HttpRequest, project: Project, form: GuardForm, *, status: int = 200) -> HttpResponse:
    decisions = GuardDecision.objects.filter(project=project).select_related("created_by")
    context = {
        "project": project, "section": "playground", "form": form,
        "guards": Guard.objects.filter(project=project).select_related("version"),
        "page": Paginator(decisions, 30).get_page(request.GET.get("page")),
        "may_change": request.team_role >= Role.ADMIN,  # type: ignore[attr-defined]
    }  # fmt: skip
    return render(request, "serving/guards.html", context, status=status)


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0
