"""What moved between two answers to the same question, in words; and whether prices or fits have moved since."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from economics.errors import EconomicsError
from webapp.ladders.models import ScalingFit
from webapp.planning.facts import newest_text
from webapp.planning.inputs import inputs_from_dict
from webapp.planning.models import PlanVersion
from webapp.planning.prices import price_used
from webapp.planning.tables import OPTION_TITLES
from webapp.ui.templatetags.figures import count, significant, usd

WATCHED: tuple[tuple[str | Promise, tuple[str, ...], str], ...] = (
    (_lazy("price of a GPU-hour"), ("price", "usd_per_hour"), "usd"),
    (_lazy("law"), ("law", "label"), "text"),
    (_lazy("winner"), ("decision", "winner"), "option"),
    (_lazy("parameters"), ("scale", "best", "num_params"), "count"),
    (_lazy("tokens"), ("scale", "best", "num_tokens"), "count"),
    (_lazy("loss"), ("scale", "best", "loss", "p50"), "number"),
    (_lazy("training cost"), ("scale", "best", "training_usd", "p50"), "usd"),
    (_lazy("break-even tokens a month"), ("decision", "break_even", "first_tokens_per_month"), "count"),
    (_lazy("minimum raise"), ("cash", "minimum_raise_usd"), "usd"),
    (_lazy("cash-out month, p50"), ("cash", "runway_months", "p50"), "number"),
    (_lazy("NPV, p50"), ("cash", "npv_usd", "p50"), "usd"),
)
"""Name, place in the results, and how it is written."""

LEAST_MOVE = 0.005
"""Smaller relative moves are not worth a word."""


def value_at(results: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    """Return what lies at a place in nested results; None where there is none."""
    found: Any = results
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def shown_value(value: Any, kind: str) -> str:
    if value is None:
        return "–"
    if kind == "usd":
        return usd(value)
    if kind == "count":
        return count(value)
    if kind == "option":
        return OPTION_TITLES.get(value, str(value))
    return significant(value, 4) if kind == "number" else str(value)


def differs(old: Any, new: Any) -> bool:
    if isinstance(old, int | float) and isinstance(new, int | float):
        return abs(new - old) > LEAST_MOVE * max(abs(old), abs(new), 1e-12)
    return bool(old != new)


def what_moved(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Return a sentence with every watched figure that moved."""
    moved = []
    for name, path, kind in WATCHED:
        before, after = value_at(old, path), value_at(new, path)
        if differs(before, after):
            moved.append(f"{name} {shown_value(before, kind)} → {shown_value(after, kind)}")
    return _("Recomputed: %s.") % "; ".join(moved) if moved else _("Recomputed; nothing moved.")


def stale_reasons(version: PlanVersion, day: dt.date) -> list[str]:
    """Return why the version should be worked out again: a price that moved, a newer fit, data prepared since."""
    reasons = []
    try:
        now = price_used(inputs_from_dict(version.inputs), day, version.owning_team).usd_per_hour
        before = value_at(version.results, ("price", "usd_per_hour"))
        if before is not None and differs(before, now):
            reasons.append(_("a GPU-hour was %(old)s and is %(new)s") % {"old": usd(before), "new": usd(now)})
    except EconomicsError as error:
        reasons.append(str(error))
    kind, _colon, code = str(version.inputs.get("law", "")).partition(":")
    if kind == "fit" and (used := ScalingFit.objects.filter(code=code).first()):
        newest = ScalingFit.objects.filter(ladder=used.ladder, has_law=True).order_by("-number").first()
        if newest and newest.pk != used.pk:
            reasons.append(_("there is a newer fit: %s") % newest)
    prepared = newest_text(version.plan.project)
    if prepared is not None and prepared.ready_at and prepared.ready_at > version.created_at:
        reasons.append(_("data were prepared: %s") % prepared)
    return reasons
