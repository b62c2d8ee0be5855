"""The form of a new run, and what it asks while it is filled in: an estimate, a size that fits, a config from elsewhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import msgspec
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from trainer.errors import SpecError
from trainer.families import Family, default_family, families, get_family
from trainer.sections import TransferSpec
from trainer.spec import TrainSpec, spec_from_dict, spec_to_dict
from webapp.datasets.models import DatasetVersion
from webapp.jobs.errors import JobRefused
from webapp.projects.models import Project
from webapp.runs import services
from webapp.runs.estimates import estimate
from webapp.runs.fitting import FitRefused, fit
from webapp.runs.models import Checkpoint, Run
from webapp.runs.setting_fields import model_values
from webapp.runs.spec_form import SpecForm, named_field, spec_values
from webapp.runs.views_data import json_response
from webapp.teams.access import team_object
from webapp.teams.models import Role, User

MAX_CONFIG_BYTES = 100_000


@team_object(Project, Role.MEMBER, related=("team",))
@require_http_methods(["GET", "POST"])
def run_create(request: HttpRequest, project: Project) -> HttpResponse:
    parent, checkpoint = _origin(request, project)
    start = _spec_of(parent)
    if start is not None and request.GET.get("weights") == "random":
        start = replace(start, transfer=TransferSpec())
    family = _family(request, start, project)
    initial = _initial(request, project, parent, checkpoint)
    branch_from = str(checkpoint.path) if checkpoint else ""
    form = SpecForm(
        request.POST if request.method == "POST" else None,
        project=project, family=family, start=start, initial=initial, branch_from=branch_from,
    )  # fmt: skip
    if request.method == "POST" and form.is_valid():
        cleaned = form.cleaned_data
        try:
            run = services.run_create(
                project=project, created_by=cast(User, request.user), version=cleaned["version"], spec=form.spec,
                name=cleaned["name"], tags=cleaned["tags"].replace("，", ",").split(","), notes=cleaned["notes"],
                parent=parent if checkpoint else None, idempotency_key=_key(request),
            )  # fmt: skip
        except JobRefused as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("%(run)s waits for a worker.") % {"run": run})
            return redirect(run)
    context = {
        "project": project, "section": "runs", "form": form, "family": family, "families": _offered(project, family),
        "parent": parent, "checkpoint": checkpoint, "key": services.new_key(),
        "starts_from": form.points.get(str(initial.get("transfer.source", ""))),
        "task_settings": " ".join(family.free_settings),
        "presets": {name: model_values(model) for name, model in family.presets.items()},
        "has_versions": form.fields["version"].queryset.exists(),  # type: ignore[attr-defined]
        "panel": _panel(form, project) if form.is_bound else None,
    }  # fmt: skip
    return render(request, "runs/run_form.html", context, status=422 if form.errors else 200)


@team_object(Project, Role.MEMBER, related=("team",))
@require_POST
def run_estimate(request: HttpRequest, project: Project) -> HttpResponse:
    """What the form as it stands would take, the sentences at its fields, and its config as JSON."""
    form = SpecForm(request.POST, project=project, family=_family(request, None, project))
    valid = form.is_valid()
    return json_response(
        {
            "errors": {name: [str(text) for text in texts] for name, texts in form.errors.items()},
            "panel": _panel(form, project),
            "config": spec_to_dict("train", form.spec) if valid else None,
        }
    )


@team_object(Project, Role.MEMBER, related=("team",))
@require_POST
def run_fit(request: HttpRequest, project: Project) -> HttpResponse:
    """A size of model that answers to a number of parameters, a memory, or some minutes on this machine."""
    form = SpecForm(request.POST, project=project, family=_family(request, None, project))
    if not form.is_valid():
        first = next(iter(form.errors.values()))[0]
        return json_response({"error": _("First put right what is wrong in the form: %s") % first})
    try:
        wanted = float(request.POST.get("fit_amount", ""))
        found = fit(form.spec, form.cleaned_data["version"], kind=request.POST.get("fit_kind", ""), amount=wanted)
    except (ValueError, OverflowError):
        return json_response({"error": _("Write a number, such as 10.")})
    except FitRefused as error:
        return json_response({"error": str(error)})
    return json_response({"values": {**model_values(found.model), **found.changes}, "sentence": found.sentence})


@team_object(Project, Role.MEMBER, related=("team",))
@require_POST
def run_import(request: HttpRequest, project: Project) -> HttpResponse:
    """A config as JSON, checked by the trainer's own reader; answered with the form's values."""
    text = request.POST.get("config", "")[:MAX_CONFIG_BYTES]
    try:
        raw = msgspec.json.decode(text.encode())
        if not isinstance(raw, dict):
            raise SpecError("a config is a JSON object with the fields of a training spec")
        kind, spec = spec_from_dict({"kind": "train", "data": {"path": ""}, **raw})
        if kind != "train":
            raise SpecError(f"this is the config of a {kind} job, not of a training run")
    except msgspec.DecodeError as error:
        return json_response({"error": _("This is not JSON: %s") % error})
    except SpecError as error:
        return json_response({"error": str(error), "field": named_field(str(error))})
    return json_response({"family": spec.family, "values": spec_values(spec)})


def _panel(form: SpecForm, project: Project) -> str:
    """Return the side panel: what the run would take, as far as the form can be read."""
    if not hasattr(form, "spec"):
        return render_to_string("runs/_estimate.html", {"invalid": True})
    found = estimate(form.spec, form.cleaned_data["version"])
    context = {"estimate": found, "version": form.cleaned_data["version"], "spec": form.spec, "project": project}
    return render_to_string("runs/_estimate.html", context)


def _origin(request: HttpRequest, project: Project) -> tuple[Run | None, Checkpoint | None]:
    """Return the run that is cloned, and the checkpoint that the new run branches from."""
    run_code = request.GET.get("from", "")
    if not run_code:
        return None, None
    run = Run.objects.filter(project=project, code=run_code).select_related("dataset_version").first()
    if run is None:
        raise Http404
    checkpoint_code = request.GET.get("checkpoint", "")
    if not checkpoint_code:
        return run, None
    checkpoint = Checkpoint.objects.filter(run=run, code=checkpoint_code, removed_at=None).first()
    if checkpoint is None:
        raise Http404
    return run, checkpoint


def _spec_of(run: Run | None) -> TrainSpec | None:
    """Return a run's settings to start from; None where an older version wrote what is no longer understood."""
    if run is None:
        return None
    try:
        return cast(TrainSpec, spec_from_dict(run.spec)[1])
    except SpecError:
        return None


def _family(request: HttpRequest, start: TrainSpec | None, project: Project) -> Family:
    name = request.POST.get("family") or request.GET.get("family") or (start.family if start else "")
    try:
        return get_family(name) if name else _family_for(request, project)
    except SpecError as error:
        raise Http404 from error


def _family_for(request: HttpRequest, project: Project) -> Family:
    """Return the family that learns from the version that was asked for, or from the newest data there is."""
    ready = DatasetVersion.objects.filter(dataset__project=project, ready_at__isnull=False).order_by("-ready_at")
    version = ready.filter(code=request.GET.get("version", "")).first() or ready.first()
    usual = default_family()
    if version is None or version.data_kind in usual.data_kinds:
        return usual
    return next((family for family in families().values() if version.data_kind in family.data_kinds), usual)


def _offered(project: Project, chosen: Family) -> list[Family]:
    """Return the families that the project has data for, the chosen one always."""
    ready = DatasetVersion.objects.filter(dataset__project=project, ready_at__isnull=False)
    kinds = set(ready.values_list("data_kind", flat=True).distinct())
    return [family for family in families().values() if kinds & set(family.data_kinds) or family is chosen]


def _initial(
    request: HttpRequest, project: Project, parent: Run | None, checkpoint: Checkpoint | None
) -> dict[str, Any]:
    """Return what stands in the form at first, besides the settings."""
    found: dict[str, Any] = {}
    if parent is not None:
        found = {"version": parent.dataset_version_id, "tags": ", ".join(parent.tags), "notes": parent.notes}
    if checkpoint is not None:
        found |= {"schedule.decay": "wsd", "name": f"{parent}-from-{checkpoint.step}"}
    found |= _started_from(project, request.GET.get("start", ""))
    if request.GET.get("processes", "").isdecimal():
        found["parallel.processes"] = request.GET["processes"]
    if request.GET.get("version"):
        version = _version_by_code(request.GET["version"])
        found |= {"version": version} if version else {}
    return found


def _started_from(project: Project, code: str) -> dict[str, Any]:
    """Return the settings that go with a checkpoint to start from: its sizes, its length, and a gentler learning rate."""
    kept = Checkpoint.objects.filter(run__project=project, code=code, removed_at=None).select_related("run")
    checkpoint = kept.first() if code else None
    spec = _spec_of(checkpoint.run) if checkpoint else None
    if checkpoint is None or spec is None:
        return {}
    free = get_family(spec.family).free_settings
    sizes = {name: value for name, value in model_values(spec.model).items() if name.partition(".")[2] not in free}
    return {
        **sizes,
        "transfer.source": str(checkpoint.path),
        "batch.sequence_length": spec.batch.sequence_length,
        "optimizer.learning_rate": float(f"{spec.optimizer.learning_rate / 10:.3g}"),
    }


def _version_by_code(code: str) -> int | None:
    return DatasetVersion.objects.filter(code=code).values_list("pk", flat=True).first()


def _key(request: HttpRequest) -> str | None:
    """Return the key that makes a form sent twice one run."""
    return request.POST.get("key", "")[:60] or None
