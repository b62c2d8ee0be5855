"""What people liked better: kept one by one, and taken away as data to learn from."""

from __future__ import annotations

from typing import cast

import msgspec
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from webapp.projects.models import Project
from webapp.runs.models import Checkpoint
from webapp.serving.abilities.chat import Message
from webapp.serving.choices import as_lines, rows_of_project
from webapp.serving.services import preference_create
from webapp.teams.access import team_object
from webapp.teams.models import Role, User


@team_object(Project, Role.MEMBER, related=("team",))
@require_POST
def preference_add(request: HttpRequest, project: Project) -> HttpResponse:
    """Keep that one of two answers was better."""
    given = request.POST
    models = Checkpoint.objects.filter(run__project=project).select_related("run")
    try:
        messages = msgspec.json.decode(given.get("messages", ""), type=list[Message])
    except msgspec.DecodeError:
        messages = []
    chosen, rejected = (models.filter(code=given.get(name, "")).first() for name in ("chosen_by", "rejected_by"))
    answers = given.get("chosen", ""), given.get("rejected", "")
    if not messages or messages[-1].role != "user" or chosen is None or rejected is None or not all(answers):
        return HttpResponse(_("This choice cannot be kept: a question, two answers or a model is missing."), status=422)
    preference_create(
        project=project, messages=msgspec.to_builtins(messages), chosen=answers[0], rejected=answers[1],
        chosen_by=chosen, rejected_by=rejected, is_blind=given.get("is_blind") == "1",
        created_by=cast(User, request.user),
    )  # fmt: skip
    return HttpResponse(status=204)


@team_object(Project, Role.VIEWER, related=("team",))
@require_GET
def preferences_download(request: HttpRequest, project: Project) -> StreamingHttpResponse:
    """All choices of the project in the form that preferences are prepared from."""

    answer = StreamingHttpResponse(as_lines(rows_of_project(project)), content_type="application/x-ndjson")
    answer["Content-Disposition"] = f'attachment; filename="preferences-{project.code}.jsonl"'
    return answer
