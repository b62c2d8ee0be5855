"""Tags by which pages show what other apps add to them: sections of the navigation, panels at named places."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.safestring import SafeString

from webapp.ui import panels as ui_panels
from webapp.ui.sections import sections

register = template.Library()


@register.simple_tag(takes_context=True)
def panels(context: dict[str, Any], place: str, subject: Any) -> SafeString:
    return ui_panels.panels_html(place, context["request"], subject)


@register.simple_tag
def project_sections(code: str) -> list[dict[str, Any]]:
    """Return name, title and address of each section of the project."""
    return [{"name": s.name, "title": s.title, "url": s.url(code)} for s in sections()]
