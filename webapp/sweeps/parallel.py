"""Parallel coordinates of a sweep: an axis a setting and one for the result, a line a run.

The lines are SVG of our own: Plotly draws parallel coordinates with WebGL only, which the content policy does not allow.
Drawn twice, for wide and for narrow windows; places along an axis are shares from 0 to 1, so that both are the same lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trainer.sweep.space import Setting
from webapp.runs.setting_fields import setting_label
from webapp.sweeps.models import Sweep, Trial
from webapp.ui.templatetags.figures import figure

SHADES = 5
LONG_TITLE = 18


@dataclass(frozen=True, kw_only=True, slots=True)
class Axis:
    title: str
    ticks: list[tuple[float, str]]
    """Share of the axis, and text."""

    scale: dict[str, Any]
    """How a page reads the value at a share: low, high, log, whole, choices, and flipped where less is better."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    number: int
    url: str
    shares: list[float]
    shade: int
    """0, the worst, to 5, the best."""

    is_stopped: bool
    title: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PlacedAxis:
    number: int
    title: str
    at: int
    """Where it stands: x of one that goes up, y of one that goes right."""

    ticks: list[tuple[float, str, str]]
    """Place along it, text, and which way the text is anchored."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawing:
    """Axes and lines in an SVG's units. Axes go up where it is wide, and right where it is narrow; better is up, or right."""

    is_wide: bool
    width: int
    height: int
    begin: int
    """Of every axis: the place of share 0."""

    end: int
    axes: list[PlacedAxis]
    lines: list[tuple[Line, str]]
    """Each with its points."""

    @property
    def name(self) -> str:
        return "wide" if self.is_wide else "narrow"

    @property
    def first(self) -> int:
        """Return the lesser end of every axis."""
        return min(self.begin, self.end)

    @property
    def length(self) -> int:
        return abs(self.end - self.begin)


@dataclass(frozen=True, kw_only=True, slots=True)
class Parallel:
    axes: list[Axis]
    drawings: list[Drawing]

    @property
    def scales(self) -> list[dict[str, Any]]:
        return [axis.scale for axis in self.axes]


def parallel(sweep: Sweep, trials: Sequence[Trial]) -> Parallel | None:
    """Return axes and lines; None where no trial has a result."""
    landed = [trial for trial in trials if trial.value is not None]
    if not landed:
        return None
    results = _span([float(trial.value or 0.0) for trial in landed])
    settings = sweep.varied
    axes = [_axis(setting, str(setting_label(setting.name))) for setting in settings]
    axes.append(_axis(results, sweep.metric, is_flipped=sweep.lower_is_better))
    order = sorted(landed, key=lambda trial: trial.value or 0.0, reverse=sweep.lower_is_better)  # the best on top
    lines = []
    for place, trial in enumerate(order):
        last = results.share(trial.value)
        shares = [setting.share(trial.values[setting.name]) for setting in settings]
        shares.append(1 - last if sweep.lower_is_better else last)
        lines.append(
            Line(
                number=trial.number,
                url=trial.run.get_absolute_url() if trial.run else "",
                shares=[round(share, 4) for share in shares],
                shade=round(SHADES * place / (len(order) - 1)) if len(order) > 1 else SHADES,
                is_stopped=trial.stopped_at_step is not None,
                title=_title(sweep, trial),
            )
        )
    return Parallel(axes=axes, drawings=[_wide(axes, lines), _narrow(axes, lines)])


def _title(sweep: Sweep, trial: Trial) -> str:
    values = ", ".join(f"{setting.name} {_text(trial.values[setting.name])}" for setting in sweep.varied)
    return f"{trial.number}: {sweep.metric} {figure(trial.value, 4)}, {values}"


def _span(values: list[float]) -> Setting:
    low, high = min(values), max(values)
    return Setting(name="value", low=low, high=high if high > low else low + abs(low or 1.0) * 1e-6)


def _axis(setting: Setting, title: str, *, is_flipped: bool = False) -> Axis:
    if setting.is_range:
        values = [setting.at(share) for share in (0.0, 0.5, 1.0)]
    else:
        values = list(setting.choices)
    ticks = [(setting.share(value), _text(value)) for value in values]
    scale = {
        "low": setting.low, "high": setting.high, "log": setting.is_log, "whole": setting.is_whole,
        "choices": [str(choice) for choice in setting.choices], "flipped": is_flipped,
    }  # fmt: skip
    return Axis(
        title=title,
        ticks=[(1 - share if is_flipped else share, text) for share, text in ticks],
        scale=scale,
    )


def _text(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _wide(axes: Sequence[Axis], lines: Sequence[Line]) -> Drawing:
    width, height, margin, top = 1000, 352, 70, 34
    step = (width - 2 * margin) / max(len(axes) - 1, 1)
    at = [round(margin + number * step) for number in range(len(axes))]
    begin, end = height - 18, top
    return _drawing(axes, lines, at, is_wide=True, width=width, height=height, begin=begin, end=end)


def _narrow(axes: Sequence[Axis], lines: Sequence[Line]) -> Drawing:
    width, step, margin = 360, 78, 18
    at = [34 + number * step for number in range(len(axes))]
    height = at[-1] + 30
    return _drawing(axes, lines, at, is_wide=False, width=width, height=height, begin=margin, end=width - margin)


def _drawing(
    axes: Sequence[Axis], lines: Sequence[Line], at: list[int], *, is_wide: bool, width: int, height: int, begin: int,
    end: int,
) -> Drawing:  # fmt: skip
    def place(share: float) -> float:
        return round(begin + share * (end - begin), 1)

    def point(number: int, share: float) -> str:
        return f"{at[number]},{place(share)}" if is_wide else f"{place(share)},{at[number]}"

    return Drawing(
        is_wide=is_wide, width=width, height=height, begin=begin, end=end,
        axes=[
            PlacedAxis(
                number=number, title=_fitted(axis.title) if is_wide else axis.title,
                at=at[number], ticks=[(place(share), text, _anchor(share)) for share, text in axis.ticks],
            )
            for number, axis in enumerate(axes)
        ],
        lines=[(line, " ".join(point(number, share) for number, share in enumerate(line.shares))) for line in lines],
    )  # fmt: skip


def _fitted(title: str) -> str:
    return title if len(title) <= LONG_TITLE else f"{title[: LONG_TITLE - 1]}…"


def _anchor(share: float) -> str:
    return "start" if share < 0.1 else "end" if share > 0.9 else "middle"
