"""The recipe as a form: it covers every field, gives back the same recipe, and shows the sentence where it belongs."""

from __future__ import annotations

import pytest
from django.http import QueryDict

from trainer.data.recipe import FilterStep, Recipe
from webapp.datasets.models import Dataset
from webapp.datasets.presets import PRESETS, Preset
from webapp.datasets.recipe_form import RecipeForm
from webapp.datasets.recipe_view import recipe_view
from webapp.ui.field_docs import field_docs


def posted(form: RecipeForm, **changes: str | None) -> QueryDict:
    """Return what a browser sends for the form as it stands; None leaves a field out, as an empty checkbox does."""
    data = QueryDict(mutable=True)
    for name in form.fields:
        value = form[name].value()
        if isinstance(value, list):
            data.setlist(name, value)
        elif value is True:
            data[name] = "on"
        elif value is not False and value is not None:
            data[name] = str(value)
    for name, value in changes.items():
        data.pop(name, None)
        if value is not None:
            data[name] = value
    return data


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_a_recipe_comes_back_from_its_form_unchanged(dataset: Dataset, preset: Preset) -> None:
    recipe = preset.recipe
    form = RecipeForm(posted(RecipeForm(dataset=dataset, start=recipe)), dataset=dataset)
    assert form.is_valid(), form.errors
    assert form.recipe == recipe
    assert form.recipe.canonical_json() == recipe.canonical_json()


def test_every_field_of_the_recipe_is_in_the_form_with_its_help(dataset: Dataset) -> None:
    form = RecipeForm(dataset=dataset)
    wanted = {f"{step}-{name}" for step, part in Recipe().to_dict().items() for name in part}
    assert wanted <= set(form.fields)
    assert all(form.fields[name].help_text for name in wanted)
    in_sections = {
        field.name
        for section in form.sections()
        for field in (
            *section.fields,
            *section.checks,
            *section.advanced,
            *([section.toggle] if section.toggle else []),
        )
    }
    assert wanted <= in_sections


def test_what_is_wrong_stands_at_its_field(dataset: Dataset) -> None:
    start = RecipeForm(dataset=dataset)
    form = RecipeForm(posted(start, **{"near-threshold": "0.1"}), dataset=dataset)
    assert not form.is_valid()
    assert "must be from 0.4 to 0.98" in form.errors["near-threshold"][0]
    form = RecipeForm(posted(start, **{"filter-min_characters": "many"}), dataset=dataset)
    assert list(form.errors) == ["filter-min_characters"]


def test_a_step_that_is_unticked_is_off(dataset: Dataset) -> None:
    form = RecipeForm(posted(RecipeForm(dataset=dataset), **{"filter-enabled": None}), dataset=dataset)
    assert form.is_valid()
    assert not form.recipe.filter.enabled
    assert next(step for step in recipe_view(form.recipe.to_dict()) if step.name == "filter").is_off


def test_changed_settings_are_marked() -> None:
    steps = {step.name: step for step in recipe_view(Recipe(filter=FilterStep(min_characters=7)).to_dict())}
    assert [line.name for line in steps["filter"].lines if line.is_changed] == ["min_characters"]
    assert not any(line.is_changed for line in steps["near"].lines)


def test_field_docs_reads_what_stands_under_a_field() -> None:
    assert field_docs(FilterStep)["min_characters"] == "Shortest document that stays."
    assert "__post_init__" not in field_docs(FilterStep)
