"""Versions side by side: inputs and results, each row marked where the columns differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from webapp.planning.forms import short_or_text
from webapp.planning.inputs import FIELDS, PARTS, inputs_from_dict
from webapp.planning.models import PlanVersion
from webapp.planning.moves import WATCHED, differs, shown_value, value_at

PART_TITLES = {
    "questions": _lazy("Inputs: the questions"),
    "plan": _lazy("Inputs: the plan"),
    "options": _lazy("Inputs: the options"),
    "business": _lazy("Inputs: the business"),
    "advantage": _lazy("Inputs: market and followers"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One input or result of every version."""

    name: str
    cells: list[str]
    differs: bool


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that belong together."""

    title: str
    rows: list[Row]


def compared_rows(versions: Sequence[PlanVersion], *, everything: bool) -> list[Group]:
    """Return results, then inputs part by part; only rows that differ, unless everything is asked for."""
    groups = [Group(_("Results"), _results(versions)), *_inputs(versions)]
    if everything:
        return groups
    left = [Group(group.title, [row for row in group.rows if row.differs]) for group in groups]
    return [group for group in left if group.rows]


def _results(versions: Sequence[PlanVersion]) -> list[Row]:
    rows = []
    for name, path, kind in WATCHED:
        values = [value_at(version.results, path) for version in versions]
        rows.append(
            Row(str(name), [shown_value(v, kind) for v in values], any(differs(values[0], v) for v in values[1:]))
        )
    days = [version.catalogue_date.isoformat() for version in versions]
    rows.append(Row(_("prices of"), days, len(set(days)) > 1))
    return rows


def _inputs(versions: Sequence[PlanVersion]) -> list[Group]:
    inputs = [inputs_from_dict(version.inputs) for version in versions]
    groups = []
    for part in PARTS:
        rows = []
        for name, meta in FIELDS.items():
            if meta["part"] != part:
                continue
            values: list[Any] = [getattr(one, name) for one in inputs]
            rows.append(Row(str(meta["label"]), [short_or_text(v) for v in values], len(set(values)) > 1))
        groups.append(Group(str(PART_TITLES[part]), rows))
    return groups
