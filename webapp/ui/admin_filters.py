"""Filters of the administration: an empty value has a name, so that its link can be read and clicked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib.admin import AllValuesFieldListFilter, FieldListFilter
from django.db.models import CharField, Field
from django.utils.translation import gettext as _


class NamedValuesFilter(AllValuesFieldListFilter):
    def choices(self, changelist: Any) -> Iterator[Any]:
        for choice in super().choices(changelist):
            yield choice if str(choice["display"]).strip() else {**choice, "display": _("none")}


def is_free_text(field: Field[Any, Any]) -> bool:
    return isinstance(field, CharField) and not field.choices


def register() -> None:
    """Let every list filter by a text be of this kind."""
    FieldListFilter.register(is_free_text, NamedValuesFilter, take_priority=True)
