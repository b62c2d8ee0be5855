"""The recipe of a new version: shown, changed, tried on some documents, and then prepared."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from trainer.data.kinds import get_data_kind
from trainer.data.steps import StepsRecipe
from trainer.errors import SpecError
from webapp.datasets.errors import DataRefused
from webapp.datasets.models import Dataset, DatasetVersion
from webapp.datasets.pages import pages_of
from webapp.datasets.queries import files_total
from webapp.datasets.reading import try_on
from webapp.datasets.recipe_form import RecipeForm
from webapp.datasets.services.versions import version_find_or_create
from webapp.datasets.views import RELATED, page_context
from webapp.jobs.errors import JobRefused
from webapp.teams.access import team_object
from webapp.teams.models import Role

NUM_TRIED = 1_000


@team_object(Dataset, Role.MEMBER, related=RELATED)
@require_http_methods(["GET", "POST"])
def version_new(request: HttpRequest, dataset: Dataset) -> HttpResponse:
    if request.method == "GET":
        start, begun_with = _start(request, dataset)
        form = RecipeForm(dataset=dataset, start=start, tokenizer=request.GET.get("tokenizer", ""))
        return _page(request, dataset, form, begun_with=begun_with)
    form = RecipeForm(request.POST, dataset=dataset)
    if not form.is_valid():
        return _page(request, dataset, form, status=422)
    try:
        made = version_find_or_create(
            dataset=dataset,
            recipe=form.recipe,
            created_by=request.user,  # type: ignore[arg-type]
            tokenizer=form.tokenizer,
        )
    except (DataRefused, JobRefused, SpecError) as refusal:
        form.add_error(None, str(refusal))
        return _page(request, dataset, form, status=422)
    if not made.is_new:
        text = _(
            "Version %(number)d has the same files and the same recipe, so nothing was prepared again: here it is."
        )
        messages.info(request, text % {"number": made.version.number})
    return redirect(made.version)


@team_object(Dataset, Role.MEMBER, related=RELATED)
@require_POST
def recipe_try(request: HttpRequest, dataset: Dataset) -> HttpResponse:
    """Try the recipe on some documents: what changed, what was dropped and why, before and after."""
    form = RecipeForm(request.POST, dataset=dataset)
    if not form.is_valid():
        named = {name: found for name, found in form.errors.items() if name in form.fields}
        problems = [f"{form[name].label}: {' '.join(map(str, found))}" for name, found in named.items()]
        problems += [str(problem) for problem in form.non_field_errors()]
        return render(request, "datasets/_trial.html", {"problems": problems})
    try:
        trial = try_on(dataset, form.recipe, num_documents=NUM_TRIED)
    except DataRefused as refusal:
        return render(request, "datasets/_trial.html", {"problems": [str(refusal)]})
    return render(request, "datasets/_trial.html", {"trial": trial, "dataset": dataset})


def _start(request: HttpRequest, dataset: Dataset) -> tuple[StepsRecipe, str]:
    """Return the recipe that the form begins with: a preset's, that of an earlier version, or the balanced one."""
    pages = pages_of(dataset.data_kind)
    preset = pages.preset_named(request.GET.get("preset", ""))
    if preset is not None:
        return preset.recipe, preset.name
    earlier = DatasetVersion.objects.filter(dataset=dataset, code=request.GET.get("from", "")).first()
    if earlier is None and "preset" not in request.GET:
        earlier = dataset.versions.order_by("-number").first()
    if earlier is not None:
        try:
            return get_data_kind(dataset.data_kind).recipe_type.from_dict(earlier.recipe), f"v{earlier.number}"
        except SpecError:  # of an older release, with fields that are no more
            pass
    usual = (_has_labels(dataset) and pages.preset_named("labelled")) or pages.presets[0]
    return usual.recipe, usual.name


def _has_labels(dataset: Dataset) -> bool:
    """Say whether somebody named a column of labels or entities in one of the files."""
    options = dataset.files.filter(removed_at=None).values_list("options", flat=True)
    return any(each.get(name) for each in options for name in ("label_column", "entity_column", "label_from_folder"))


def _page(
    request: HttpRequest, dataset: Dataset, form: RecipeForm, *, begun_with: str = "", status: int = 200
) -> HttpResponse:
    context: dict[str, Any] = page_context(
        request,
        dataset.project,
        dataset=dataset,
        form=form,
        presets=pages_of(dataset.data_kind).presets,
        has_trial=bool(get_data_kind(dataset.data_kind).trial),
        begun_with=begun_with,
        totals=files_total(dataset),
        num_tried=NUM_TRIED,
    )
    return render(request, "datasets/version_new.html", context, status=status)
