"""The sections of a project, as its navigation lists them. Apps add theirs in AppConfig.ready; nothing else lists them.

register_section(Section(name="runs", title=_("Runs"), url_name="run-list", order=30))
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.urls import reverse


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """A part of a project with a page of its own."""

    name: str
    """What views pass as `section`, so that the navigation marks where one is."""

    title: Any
    """What people read; lazily translated."""

    url_name: str
    """Name of the route; it takes the project's code unless `in_project` is false."""

    order: int
    """Smaller stands further left."""

    in_project: bool = True

    def url(self, code: str) -> str:
        return reverse(self.url_name, args=[code] if self.in_project else [])


_sections: dict[str, Section] = {}


def register_section(section: Section) -> None:
    _sections[section.name] = section


def sections() -> list[Section]:
    """Return all sections, from left to right."""
    return sorted(_sections.values(), key=lambda section: section.order)
