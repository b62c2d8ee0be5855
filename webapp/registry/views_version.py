"""The page of a version, and what people do there. Each view: access, service, answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from trainer.families import families
from trainer.formats.spec import FORMATS
from webapp.jobs.errors import JobRefused
from webapp.jobs.models import ACTIVE_STATES
from webapp.registry import evaluations, services
from webapp.registry.card import card_markdown, card_of
from webapp.registry.errors import RegistryError
from webapp.registry.exports import formats_of, missing_formats
from webapp.registry.forms import CardForm, inspection_form
from webapp.registry.graph import lineage_drawing, result_boxes
from webapp.registry.inspections import offered
from webapp.registry.lineage import cost_to_make
from webapp.registry.models import EvaluationSuite, Inspection, ModelVersion, Stage
from webapp.registry.queries import RELATED, suites_of
from webapp.registry.uses import uses_of
from webapp.registry.views_compress import compress_context
from webapp.runs.detail import flat
from webapp.runs.exports import ExportError, export_folder
from webapp.teams.access import team_object
from webapp.teams.models import Role, User
from webapp.ui.downloads import folder_response


@dataclass(frozen=True, kw_only=True, slots=True)
class Tab:
    name: str
    title: Any
    context: Callable[[ModelVersion], dict[str, Any]]

    @property
    def template(self) -> str:
        return f"registry/_{self.name}.html"


def overview_context(version: ModelVersion) -> dict[str, Any]:
    return {
        "cost": cost_to_make(version),
        "moves": list(version.moves.select_related("by")),
        "aliases": list(version.aliases.all()),
        "stages": Stage.choices,
        "latest": list(version.results.select_related("dataset_version__dataset", "suite")[:4]),
    }


def card_context(version: ModelVersion) -> dict[str, Any]:
    return {"card": card_of(version)}


def lineage_context(version: ModelVersion) -> dict[str, Any]:
    lineage = version.lineage
    return {
        "drawing": lineage_drawing(version, result_boxes(version)),
        "lineage": lineage,
        "machine": sorted(flat(lineage.get("machine") or {})),
        "code": sorted((lineage.get("code") or {}).items()),
        "config": sorted(flat(lineage.get("spec") or {})),
    }


def evaluations_context(version: ModelVersion) -> dict[str, Any]:
    jobs = version.evaluation_jobs.select_related("job__lease", "suite").order_by("-job__created_at")
    results = list(version.results.select_related("dataset_version__dataset", "suite", "job"))
    return {
        "results": results,
        "num_data": len({result.content_hash for result in results}),
        "own_hash": version.run.dataset_version.content_hash,
        "suites": list(suites_of(version.project).filter(family__in=["", version.run.family])),
        "under_way": [made for made in jobs if made.job.state in ACTIVE_STATES],
        "failed": [made for made in jobs[:20] if made.job.is_final and made.job.state != "succeeded"][:5],
    }


def transparency_context(version: ModelVersion) -> dict[str, Any]:
    return {
        "offers": [
            (what, Inspection.What(what).label, inspection_form(what, version.project)) for what in offered(version)
        ],
        "inspections": list(version.inspections.select_related("job__lease", "created_by")[:50]),
    }


def exports_context(version: ModelVersion) -> dict[str, Any]:
    rows = list(version.exports.select_related("job__lease", "created_by")[:50])
    return {
        "formats": formats_of(version),
        "missing": missing_formats(version),
        "family": families().get(version.run.family),
        "exports": [(row, FORMATS[row.format]) for row in rows],
        "is_under_way": any(row.job.state in ACTIVE_STATES for row in rows),
    }


def files_context(version: ModelVersion) -> dict[str, Any]:
    folder = version.checkpoint.path
    files = sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []
    return {
        "files": [(path.relative_to(folder).as_posix(), path.stat().st_size) for path in files],
        "folder_is_there": folder.is_dir(),
        "uses": uses_of(version),
    }


TABS = (
    Tab(name="overview", title=gettext_lazy("Overview"), context=overview_context),
    Tab(name="card", title=gettext_lazy("Card"), context=card_context),
    Tab(name="lineage", title=gettext_lazy("Lineage"), context=lineage_context),
    Tab(name="evaluations", title=gettext_lazy("Evaluations"), context=evaluations_context),
    Tab(name="transparency", title=gettext_lazy("Transparency"), context=transparency_context),
    Tab(name="compress", title=gettext_lazy("Make it smaller"), context=compress_context),
    Tab(name="exports", title=gettext_lazy("Export"), context=exports_context),
    Tab(name="files", title=gettext_lazy("Files"), context=files_context),
)


@team_object(ModelVersion, Role.VIEWER, related=RELATED)
@require_GET
def model_detail(request: HttpRequest, version: ModelVersion) -> HttpResponse:
    tab = next((each for each in TABS if each.name == request.GET.get("tab")), TABS[0])
    context = {**page_context(request, version), **tab.context(version), "tab": tab, "tabs": TABS}
    if request.headers.get("HX-Target") == "model-pane":
        return render(request, tab.template, context)
    return render(request, "registry/model.html", context)


def page_context(request: HttpRequest, version: ModelVersion) -> dict[str, Any]:
    return {
        "version": version,
        "project": version.project,
        "run": version.run,
        "section": "models",
        "may_write": request.team_role >= Role.MEMBER and version.deleted_at is None,  # type: ignore[attr-defined]
    }


def _told(
    request: HttpRequest, version: ModelVersion, act: Callable[[], object], *, said: str, tab: str
) -> HttpResponse:
    """Do something to a version, say how it went, and go back to its page."""
    try:
        act()
    except (RegistryError, JobRefused) as error:
        messages.error(request, str(error))
    else:
        messages.success(request, said)
    return redirect(f"{version.get_absolute_url()}?tab={tab}")


@team_object(ModelVersion, Role.MEMBER, related=RELATED)
@require_POST
def model_stage(request: HttpRequest, version: ModelVersion) -> HttpResponse:
    stage, sentence = request.POST.get("stage", ""), request.POST.get("sentence", "")
    return _told(
        request,
        version,
        lambda: services.stage_move(version=version, stage=stage, sentence=sentence, by=cast(User, request.user)),
        said=_("Moved."),
        tab="overview",
    )


@team_object(ModelVersion, Role.MEMBER, related=RELATED)
@require_POST
def model_alias(request: HttpRequest, version: ModelVersion) -> HttpResponse:
    alias = request.POST.get("alias", "")
    if request.POST.get("remove"):
        services.alias_remove(version=version, alias=alias)
        return redirect(version)
    return _told(
        request,
        version,
        lambda: services.alias_set(version=version, alias=alias, by=cast(User, request.user)),
        said=_("%(alias)s points at this version.") % {"alias": alias},
        tab="overview",
    )


@team_object(ModelVersion, Role.MEMBER, related=RELATED)
@require_http_methods(["GET", "POST"])
def model_card_edit(request: HttpRequest, version: ModelVersion) -> HttpResponse:
    initial = {"licence": version.licence, **version.card}
    form = CardForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        services.licence_set(version=version, licence=form.cleaned_data["licence"])
        services.card_edit(version=version, parts=form.cleaned_data)
        messages.success(request, _("Saved."))
        return redirect(f"{version.get_absolute_url()}?tab=card")
    context = {**page_context(request, version), "form": form}
    return render(request, "registry/card_edit.html", context, status=422 if form.errors else 200)


@team_object(ModelVersion, Role.VIEWER, related=RELATED)
@require_GET
def model_card_file(request: HttpRequest, version: ModelVersion, ending: str) -> HttpResponse:
    """The card as a file of its own: `card.md` or `card.html`."""
    if ending == "md":
        response = HttpResponse(card_markdown(version), content_type="text/markdown; charset=utf-8")
    elif ending == "html":
        text = render_to_string("registry/card_file.html", {"version": version, "card": card_of(version)}, request)
        response = HttpResponse(text, content_type="text/html; charset=utf-8")
    else:
        raise Http404
    response["Content-Disposition"] = f'attachment; filename="card-{version.code}.{ending}"'
    return response


@team_object(ModelVersion, Role.MEMBER, related=RELATED)
@require_POST
def model_evaluate(request: HttpRequest, version: ModelVersion) -> HttpResponse:
    suite = EvaluationSuite.objects.filter(project=version.project, code=request.POST.get("suite", "")).first()
    if suite is None:
        raise Http404
    return _told(
        request,
        version,
        lambda: evaluations.evaluation_start(version=version, suite=suite, created_by=cast(User, request.user)),
        said=_("%(suite)s waits for a worker.") % {"suite": suite},
        tab="evaluations",
    )


@team_object(ModelVersion, Role.VIEWER, related=RELATED)
@require_GET
def model_download(request: HttpRequest, version: ModelVersion) -> HttpResponseBase:
    """The model as others can load it: weights, config, tokenizer, README."""
    try:
        folder = export_folder(version.checkpoint)
    except ExportError as error:
        messages.error(request, _("The model could not be made ready for download: %s") % error)
        return redirect(f"{version.get_absolute_url()}?tab=files")
    return folder_response(folder, name=f"{version.name}-v{version.number}.zip")


@team_object(ModelVersion, Role.MEMBER, related=RELATED)
@require_POST
def model_delete(request: HttpRequest, version: ModelVersion) -> HttpResponse:
    try:
        services.model_version_delete(version=version, by=cast(User, request.user))
    except RegistryError as error:
        messages.error(request, str(error))
        return redirect(f"{version.get_absolute_url()}?tab=files")
    messages.success(request, _("%(version)s is kept no longer.") % {"version": version})
    return redirect("model-list", version.project.code)
