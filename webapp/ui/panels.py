"""Places on a page where other apps show something of theirs. A page names the place; who fills it registers in AppConfig.ready.

register_panel("run-overview", prediction_panel, order=10)      in ladders.apps
{% panels "run-overview" run %}                                 in templates/runs/_overview.html

Lower apps thus never import those above them. A panel that fails is left out and logged: a page never falls with it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from django.db import DatabaseError
from django.http import HttpRequest
from django.utils.safestring import SafeString, mark_safe

Panel = Callable[[HttpRequest, Any], str]
"""(request, what the page is about) -> HTML made by a template; empty to show nothing."""

log = logging.getLogger(__name__)
_panels: dict[str, list[tuple[int, Panel]]] = {}


def register_panel(place: str, panel: Panel, *, order: int = 100) -> None:
    _panels.setdefault(place, []).append((order, panel))
    _panels[place].sort(key=lambda pair: pair[0])


def panels_html(place: str, request: HttpRequest, subject: Any) -> SafeString:
    """Return what all panels of a place show of the subject, one after the other; each part was escaped by its template."""
    parts = "".join(_shown(panel, request, subject) for _order, panel in _panels.get(place, ()))
    return mark_safe(parts)  # nosec B308, B703


def _shown(panel: Panel, request: HttpRequest, subject: Any) -> str:
    try:
        return panel(request, subject)
    except DatabaseError:
        raise  # the transaction is broken; hiding it would break what follows
    except Exception:
        log.exception("panel %s.%s was left out of %s", panel.__module__, panel.__qualname__, request.path)
        return ""
