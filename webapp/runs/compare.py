"""Runs side by side: settings and results that differ, or all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from webapp.runs.models import Run
from webapp.ui.templatetags.figures import exact, figure

UNINTERESTING = {"kind", "version", "data.path", "flop_per_token"}


@dataclass(frozen=True, slots=True)
class Part:
    """A group of lines under one head."""

    title: str
    lines: list[tuple[str, list[str], bool]]
    """Name, one value a run, whether they differ."""

    num_alike: int


def compare(runs: Sequence[Run], *, all_rows: bool) -> list[Part]:
    """Return the runs' settings and results, line by line; without `all_rows` only what differs."""
    from webapp.runs.detail import flat

    configs = [{k: v for k, v in flat(run.spec) if k not in UNINTERESTING} for run in runs]
    results = [_results(run) for run in runs]
    return [_part(_("Settings"), configs, all_rows), _part(_("Results"), results, all_rows)]


def _results(run: Run) -> dict[str, str]:
    found = {_("data"): str(run.dataset_version), _("steps"): exact(run.last_step)}
    for key, ends in sorted(run.summary.items()):
        if key.startswith(("train/", "validation/")):
            found[_("%s, last") % key] = figure(ends.get("last"))
            found[_("%s, lowest") % key] = figure(ends.get("min"))
    return found | {_("test %s") % k: figure(v) for k, v in run.test_metrics.items() if k != "step"}


def _part(title: str, columns: Sequence[dict[str, Any]], all_rows: bool) -> Part:
    names = list(dict.fromkeys(name for column in columns for name in column))
    lines = []
    for name in names:
        values = ["–" if column.get(name) is None else str(column[name]) for column in columns]
        lines.append((name, values, len(set(values)) > 1))
    differing = [line for line in lines if line[2]]
    return Part(title, lines if all_rows else differing, len(lines) - len(differing))
