"""Ladders: the list, a ladder's page with what lands on it, what people can do to it, and its points as CSV."""

from __future__ import annotations

import csv
from typing import Any, cast

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from economics.errors import EconomicsError
from webapp.jobs.errors import JobRefused
from webapp.ladders import services
from webapp.ladders.fits import newest_fits
from webapp.ladders.models import Ladder, SealedPrediction
from webapp.ladders.outcomes import outcomes_of_all, tally
from webapp.ladders.points import MAX_CSV_BYTES, vocabulary_size
from webapp.ladders.rungs import RungRefused
from webapp.ladders.status import live_context
from webapp.projects.models import Project
from webapp.teams.access import team_object
from webapp.teams.models import Role, User

CSV_COLUMNS = (
    "num_params", "num_tokens", "loss", "bits_per_byte", "run", "flop", "num_unique_tokens", "learning_rate",
    "num_params_in_matmuls", "role", "is_left_out", "vocabulary_size",
)  # fmt: skip
MOST_SEALS, SEALS_SHOWN = 200, 30


@team_object(Project, Role.VIEWER, related=("team",))
@require_GET
def ladder_list(request: HttpRequest, project: Project) -> HttpResponse:
    ladders = list(project.ladders.select_related("dataset_version__dataset").prefetch_related("points"))
    fits = newest_fits(ladders)
    seals = list(
        SealedPrediction.objects.filter(project=project).select_related("run__latest_job", "fit__ladder")[:MOST_SEALS]
    )
    outcomes = outcomes_of_all(seals)
    context = {
        "project": project, "section": "ladder", "tally": tally(outcomes),
        "ladders": [
            {
                "ladder": ladder, "points": (points := list(ladder.points.all())),
                "num_landed": sum(point.has_landed for point in points), "fit": fits.get(ladder.pk),
            }
            for ladder in ladders
        ],
        "seals": list(zip(seals, outcomes, strict=True))[:SEALS_SHOWN],
        "can_write": request.team_role >= Role.MEMBER,  # type: ignore[attr-defined]
    }  # fmt: skip
    return render(request, "ladders/list.html", context)


@team_object(Ladder, Role.VIEWER, related=("project__team", "dataset_version__dataset"))
@require_GET
def ladder_detail(request: HttpRequest, ladder: Ladder) -> HttpResponse:
    return render(request, "ladders/ladder.html", _context(request, ladder))


@team_object(Ladder, Role.VIEWER, related=("project__team", "dataset_version__dataset"))
@require_GET
def ladder_live(request: HttpRequest, ladder: Ladder) -> HttpResponse:
    """The part of the page that moves."""
    return render(request, "ladders/_live.html", _context(request, ladder))


def _context(request: HttpRequest, ladder: Ladder) -> dict[str, Any]:
    return {
        "ladder": ladder, "project": ladder.project, "section": "ladder",
        "can_write": request.team_role >= Role.MEMBER,  # type: ignore[attr-defined]
        **live_context(ladder),
    }  # fmt: skip


@team_object(Ladder, Role.MEMBER, related=("project__team", "dataset_version"))
@require_POST
def ladder_act(request: HttpRequest, ladder: Ladder) -> HttpResponse:
    """Stop, go on, try a rung again, leave a point out or take it back in, add an experiment."""
    user, action = cast(User, request.user), request.POST.get("action", "")
    try:
        if action == "stop":
            services.ladder_stop(ladder=ladder, by=user)
        elif action == "go-on":
            services.ladder_go_on(ladder=ladder, by=user)
        elif action in ("retry", "leave-out", "take-in"):
            point = get_object_or_404(ladder.points.select_related("run__latest_job"), pk=_whole(request, "point"))
            if action == "retry":
                services.point_retry(point=point, by=user)
            else:
                services.point_leave_out(point=point, left_out=action == "leave-out")
        elif action == "target":
            services.ladder_retarget(
                ladder=ladder, num_params=_positive(request, "num_params"), num_tokens=_positive(request, "num_tokens")
            )
        elif action == "add":
            point = services.point_add(
                ladder=ladder, num_params=_positive(request, "num_params"), num_tokens=_positive(request, "num_tokens"),
                by=user,
            )  # fmt: skip
            messages.success(request, _("Added; it runs when the rungs before it are done."))
    except (RungRefused, JobRefused) as error:
        messages.error(request, str(error))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return redirect(ladder)


def _whole(request: HttpRequest, name: str) -> int:
    text = request.POST.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 18 else 0


def _positive(request: HttpRequest, name: str) -> float:
    try:
        value = float(request.POST.get(name, ""))
    except ValueError:
        value = 0.0
    if not 1 <= value < 1e15:
        raise RungRefused(_("Give a number above 0 for %(name)s.") % {"name": name})
    return value


@team_object(Project, Role.MEMBER, related=("team",))
@require_POST
def ladder_import(request: HttpRequest, project: Project) -> HttpResponse:
    """Points from a CSV, into a ladder of the project or a new one."""
    upload = request.FILES.get("file")
    ladder = Ladder.objects.filter(project=project, code=request.POST.get("ladder", "")).first()
    back = redirect(ladder) if ladder else redirect("ladder-list", project.code)
    if upload is None or (upload.size or 0) > MAX_CSV_BYTES:
        messages.error(request, _("Choose a CSV of at most 1 MB."))
        return back
    try:
        ladder = services.ladder_import(
            project=project, created_by=cast(User, request.user), content=upload.read(), ladder=ladder,
            name=request.POST.get("name", ""),
        )  # fmt: skip
    except (EconomicsError, UnicodeDecodeError) as error:
        messages.error(request, _("The file was not taken in: %(why)s") % {"why": error})
        return back
    messages.success(request, _("Points from the file are in the ladder."))
    return redirect(ladder)


@team_object(Ladder, Role.VIEWER, related=("project__team",))
@require_GET
def ladder_csv(request: HttpRequest, ladder: Ladder) -> HttpResponse:
    """The landed points, as `python -m economics fit` reads them."""
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="ladder-{ladder.code}.csv"'
    writer = csv.writer(response)
    writer.writerow(CSV_COLUMNS)
    for point in ladder.points.filter(loss__isnull=False).order_by("position"):
        row = {name: getattr(point, name, "") for name in CSV_COLUMNS} | {
            "run": point.cluster or f"point-{point.pk}", "vocabulary_size": vocabulary_size(ladder),
        }  # fmt: skip
        writer.writerow(["" if row[name] is None else row[name] for name in CSV_COLUMNS])
    return response
