"""The admin: every model is there, can be searched and filtered, and only operators of the installation get in."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import Model

from tests.factories import Cast

MODELS = [model for model in apps.get_models() if model.__module__.startswith("webapp.")]
BLOCKS_OF_BYTES = {"MetricBlock"}  # arrays that nobody can read in a form; the run's CSV shows them


def listed() -> list[type[Model]]:
    return [model for model in MODELS if model.__name__ not in BLOCKS_OF_BYTES]


@pytest.mark.parametrize("model", listed(), ids=lambda m: m.__name__)
def test_model_is_listed_searchable_and_filtered(model: type[Model]) -> None:
    registered = admin.site._registry.get(model)
    assert registered is not None, f"{model.__name__} is not in the admin"
    assert registered.search_fields, f"{model.__name__} cannot be searched"
    assert registered.list_filter, f"{model.__name__} cannot be filtered"
    assert registered.list_display != ("__str__",)


@pytest.mark.parametrize("model", listed(), ids=lambda m: m.__name__)
def test_a_list_asks_no_row_by_row(model: type[Model]) -> None:
    """Django fetches by itself only what is never empty, such as a team, and not a member who may have left."""
    registered = admin.site._registry[model]
    asked = {str(name).partition("__")[0] for name in registered.list_select_related or ()}  # type: ignore[union-attr]
    columns = {field.name for field in model._meta.get_fields() if field.many_to_one or field.one_to_one}
    assert columns & set(map(str, registered.list_display)) <= asked, "name these in list_select_related"


@pytest.mark.parametrize("model", listed(), ids=lambda m: m.__name__)
def test_list_page_works(model: type[Model], cast: Cast) -> None:
    cast.alice.is_staff = cast.alice.is_superuser = True
    cast.alice.save()
    browser = cast.client(cast.alice)
    meta = model._meta
    assert browser.get(f"/admin/{meta.app_label}/{meta.model_name}/?q=x").status_code == 200


def test_team_roles_give_no_entry(cast: Cast) -> None:
    for user in (cast.alice, cast.adam, cast.bob):
        assert cast.client(user).get("/admin/").status_code == 302
        assert cast.client(user).get("/admin/jobs/job/").status_code == 302


def test_what_an_operator_changes_is_written_down(cast: Cast) -> None:
    from auditlog.models import LogEntry

    cast.alice.is_staff = cast.alice.is_superuser = True
    cast.alice.save()
    browser = cast.client(cast.alice)
    form = {"name": "Renamed", "description": "", "team": cast.team.pk, "archived_at_0": "", "archived_at_1": ""}
    answer = browser.post(f"/admin/projects/project/{cast.project.pk}/change/", form)
    assert answer.status_code == 302, answer.content
    entry = LogEntry.objects.get_for_object(cast.project).first()
    assert entry is not None
    assert entry.actor == cast.alice
    assert entry.changes["name"][1] == "Renamed"


def test_groups_are_not_offered() -> None:
    """Rights come from teams and is_staff; a group would be a third way that nothing reads."""
    assert Group not in admin.site._registry
