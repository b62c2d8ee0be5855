"""The page's drawing of a sweep: parallel coordinates, a line a run, and the frontier of quality against dollars.

The lines are SVG of our own: Plotly draws parallel coordinates with WebGL only, which the content policy does not allow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from economics.spending import Bought, frontier
from trainer.sweep.space import Setting
from webapp.sweeps.models import Sweep, Trial
from webapp.ui.templatetags.figures import figure, usd

WIDTH, HEIGHT, TOP, MARGIN = 1000, 300, 34, 70
SHADES = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Axis:
    x: int
    title: str
    ticks: list[tuple[float, str]]
    """Height and text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    number: int
    points: str
    shade: int
    """0, the worst, to 5, the best."""

    is_stopped: bool
    title: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Parallel:
    axes: list[Axis]
    lines: list[Line]
    width: int = WIDTH
    height: int = HEIGHT
    top: int = TOP
    bottom: int = TOP + HEIGHT


def parallel(sweep: Sweep, trials: Sequence[Trial]) -> Parallel | None:
    """Return axes and lines; None where no trial has a result."""
    landed = [trial for trial in trials if trial.value is not None]
    if not landed:
        return None
    results = _span([float(trial.value or 0.0) for trial in landed])
    columns = [*sweep.varied, results]
    step = (WIDTH - 2 * MARGIN) / max(len(columns) - 1, 1)
    xs = [round(MARGIN + number * step) for number in range(len(columns))]
    titles = [*(setting.name.partition(".")[2] or setting.name for setting in sweep.varied), sweep.metric]
    axes = [
        Axis(
            x=x,
            title=title.replace("_", " "),
            ticks=_ticks(setting, up=setting is not results or not sweep.lower_is_better),
        )
        for x, title, setting in zip(xs, titles, columns, strict=True)
    ]
    order = sorted(landed, key=lambda trial: trial.value or 0.0, reverse=sweep.lower_is_better)
    place = {trial.pk: number for number, trial in enumerate(order)}
    lines = []
    for trial in order:  # the best on top
        shares = [setting.share(trial.values[setting.name]) for setting in sweep.varied]
        last = results.share(trial.value)
        shares.append(1 - last if sweep.lower_is_better else last)
        lines.append(
            Line(
                number=trial.number,
                points=" ".join(f"{x},{_height(share):.1f}" for x, share in zip(xs, shares, strict=True)),
                shade=round(SHADES * place[trial.pk] / max(len(order) - 1, 1)),
                is_stopped=trial.stopped_at_step is not None,
                title=f"{trial.number}: {figure(trial.value)}",
            )
        )
    return Parallel(axes=axes, lines=lines)


def _span(values: list[float]) -> Setting:
    low, high = min(values), max(values)
    return Setting(name="value", low=low, high=high if high > low else low + abs(low or 1.0) * 1e-6)


def _height(share: float) -> float:
    return TOP + HEIGHT * (1 - share)


def _ticks(setting: Setting, *, up: bool) -> list[tuple[float, str]]:
    shares = (0.0, 0.5, 1.0) if setting.is_range else [setting.share(choice) for choice in setting.choices]
    found = []
    for share in shares:
        value = (
            setting.at(share) if setting.is_range else setting.choices[round(share * max(len(setting.choices) - 1, 1))]
        )
        text = f"{value:.3g}" if isinstance(value, float) else str(value)
        found.append((round(_height(share if up else 1 - share), 1), text))
    return found


def frontier_chart(sweep: Sweep, trials: Sequence[Trial]) -> dict[str, Any] | None:
    """Return the chart of result against dollars, as static/js/plots.js draws it; None with fewer than two points."""
    points = sorted((t for t in trials if t.value is not None and t.usd), key=lambda trial: trial.usd or 0.0)
    if len(points) < 2:
        return None
    sign = 1 if sweep.lower_is_better else -1
    best = frontier(
        [Bought(name=str(t.number), usd=float(t.usd or 0.0), loss=sign * float(t.value or 0.0)) for t in points]
    )
    on_front = {each.name for each in best}
    return {
        "kind": "lines",
        "x": {"title": _("USD, training"), "values": [t.usd for t in points], "type": "log", "prefix": "$"},
        "y": {"title": sweep.metric.replace("_", " "), "free": True},
        "labels": [_("run %(n)d, %(usd)s") % {"n": t.number, "usd": usd(t.usd)} for t in points],
        "series": [
            {"name": _("runs"), "values": [t.value for t in points], "mode": "markers", "colour": 4},
            {
                "name": _("no run is both cheaper and better"),
                "values": [t.value if str(t.number) in on_front else None for t in points],
                "joined": True,
                "colour": 0,
            },
        ],
    }
