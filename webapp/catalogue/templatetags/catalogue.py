"""Heads of tables that sort by their column: a link each, so that a sorted table can be shared; the teams of a user."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from webapp.teams.models import Team, User

register = template.Library()


@register.simple_tag
def teams_of(user: User) -> list[Team]:
    """Return the teams that somebody is in, by name."""
    return list(Team.objects.filter(memberships__user=user).order_by("name"))


@register.simple_tag(takes_context=True)
def sort_head(context: dict[str, Any], name: str, title: Any, is_number: bool = False) -> SafeString:
    """Return the head of a column; numbers begin with the largest, a second click turns the order."""
    is_sorted, descending = context.get("sort") == name, bool(context.get("descending"))
    turned = not descending if is_sorted else is_number
    return format_html(
        '<th class="{}"{}><a class="sort" href="?sort={}{}">{}{}</a></th>',
        "num" if is_number else "",
        format_html(' aria-sort="{}"', "descending" if descending else "ascending") if is_sorted else "",
        "-" if turned else "",
        name,
        title,
        (" ↓" if descending else " ↑") if is_sorted else "",
    )
