"""Ask what a setting of a run is worth, and read the answer."""

from __future__ import annotations

from typing import Any, cast

import msgspec
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from webapp.jobs.errors import JobRefused
from webapp.registry.ablation_result import ablation_result, sentence_of, state_of
from webapp.registry.ablations import MAX_SEEDS, ablation_create, ablations_of, changed_spec, real_changes, settings_of
from webapp.registry.errors import RegistryError
from webapp.registry.models import Ablation
from webapp.runs.estimates import estimate
from webapp.runs.models import Run
from webapp.teams.access import team_object
from webapp.teams.models import Role, User


@team_object(Run, Role.MEMBER, related=("project__team", "latest_job", "dataset_version"))
@require_http_methods(["GET", "POST"])
def run_ablate(request: HttpRequest, run: Run) -> HttpResponse:
    """Choose what is to be left out, see what that will take, and start."""
    offered = {title: real_changes(run, without) for title, without in ablations_of(run).items()}
    source = request.POST if request.method == "POST" else request.GET
    problem = ""
    title, changes = _asked(source, offered)
    try:
        wanted = _changes(source, run) or changes
        num_seeds = int(source.get("num_seeds") or 1)
        if request.method == "POST":
            made = ablation_create(
                run=run, title=title or next(iter(wanted), ""), changes=wanted, num_seeds=num_seeds,
                created_by=cast(User, request.user),
            )  # fmt: skip
            messages.success(request, _("The runs wait for a worker."))
            return redirect(made)
    except ValueError:
        problem, num_seeds, wanted = _("The number of seeds must be a whole number."), 1, changes
    except (RegistryError, JobRefused) as error:
        problem, num_seeds = str(error), 1
    context = {
        "project": run.project, "section": "models", "run": run, "offered": offered, "title": title, "problem": problem,
        "changes": [(name, settings_of(run).get(name), value) for name, value in changes.items()],
        "settings": sorted(settings_of(run).items()), "num_seeds": num_seeds, "max_seeds": MAX_SEEDS,
        "estimate": _estimate(run, changes),
    }  # fmt: skip
    return render(request, "registry/ablate.html", context, status=422 if problem and request.method == "POST" else 200)


@team_object(Ablation, Role.VIEWER, related=("project__team",))
@require_GET
def ablation_detail(request: HttpRequest, ablation: Ablation) -> HttpResponse:
    result = ablation_result(ablation)
    first = result.pairs[0].before
    known = settings_of(first)
    context = {
        "project": ablation.project, "section": "models", "ablation": ablation, "result": result,
        "changes": [(name, known.get(name), value) for name, value in ablation.changes.items()],
        "rows": [(pair.seed, state_of(pair.before), state_of(pair.after)) for pair in result.pairs],
        "sentence": sentence_of(result.main, ablation.title) if result.main else "",
        "copies_seconds": first.dataset_version.report.get("seconds", {}).get("augment")
        if "data.copies" in ablation.changes
        else None,
    }  # fmt: skip
    return render(request, "registry/ablation.html", context)


def _asked(source: Any, offered: dict[str, dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    """Return the title and changes of what was chosen from the family's list, or the first of it that would change something."""
    title = source.get("what", "")
    if title in offered:
        return title, offered[title]
    if source.get("setting"):
        return title, {}
    first = next((name for name, changes in offered.items() if changes), "")
    return first, offered.get(first, {})


def _changes(source: Any, run: Run) -> dict[str, Any]:
    """Return the one setting that was chosen by name, with its value read as the setting's own kind."""
    name, text = source.get("setting", "").strip(), source.get("value", "").strip()
    if not name:
        return {}
    known = settings_of(run)
    if name not in known:
        raise RegistryError(_("There is no setting “%(name)s”; choose one of the list.") % {"name": name})
    if isinstance(known[name], str):
        return {name: text}
    try:
        return {name: msgspec.json.decode(text.lower().encode())}
    except msgspec.DecodeError as error:
        raise RegistryError(_("“%(text)s” is no value for %(name)s.") % {"text": text, "name": name}) from error


def _estimate(run: Run, changes: dict[str, Any]) -> Any:
    """Return what one more run is expected to take; None where nothing tells."""
    try:
        found = estimate(changed_spec(run, changes, seed=1), run.dataset_version)
    except RegistryError:
        return None
    return found if found.quote.has_basis else None
