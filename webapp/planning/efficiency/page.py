"""The levers as one view: for each what its pairs saved at equal quality, as bars that lead to their two runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from webapp.planning.efficiency.beginning import Beginning, beginning_of
from webapp.planning.efficiency.measured import Measured, measured_form, measured_pair
from webapp.planning.efficiency.pairs import AUGMENTATION, COMPRESSION, PARALLEL, TRANSFER, run_pairs, smaller_forms
from webapp.projects.models import Project

NUM_SHOWN = 6
LEVERS = (TRANSFER, AUGMENTATION, COMPRESSION, PARALLEL)


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """A pair with its bar, in per cent of the axis."""

    measured: Measured
    left: float
    width: float
    whisker_left: float
    whisker_width: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Lever:
    name: str
    title: str
    how: str
    """How a pair comes about, where there is none."""

    bars: list[Bar]
    beginning: Beginning | None = None
    """The nearest way to a first pair, where there is none."""

    @property
    def best(self) -> Measured | None:
        """Return what saved most at equal quality."""
        equal = [bar.measured for bar in self.bars if bar.measured.is_equal and bar.measured.share.p50 > 0]
        return max(equal, key=lambda each: each.share.p50, default=None)


def measured_of(project: Project) -> list[Measured]:
    """Return what every pair of the project says, the newest of each lever first."""
    found = [measured_pair(pair) for pair in run_pairs(project)]
    found += [measured_form(row) for row in smaller_forms(project)]
    return [each for each in found if each is not None]


def best_of(found: list[Measured]) -> dict[str, Measured]:
    """Return for each lever its newest pair of equal quality."""
    best: dict[str, Measured] = {}
    for each in found:
        if each.is_equal:
            best.setdefault(each.lever, each)
    return best


def levers(project: Project) -> dict[str, Any]:
    """Return the view: levers with their bars, and where nothing saved and nothing lost lies on their axis."""
    found = measured_of(project)
    lowest = min([0.0, *(max(each.share.p10, -1.0) for each in found)])
    span = 1.0 - lowest
    return {
        "levers": [_lever(project, name, [_bar(each, lowest, span) for each in found if each.lever == name]) for name in LEVERS],
        "zero": round(100 * -lowest / span, 2),
        "lowest": lowest,
        "has_any": bool(found),
    }  # fmt: skip


def _lever(project: Project, name: str, bars: list[Bar]) -> Lever:
    beginning = None if bars else beginning_of(project, name)
    return Lever(name=name, title=title_of(name), how=how_of(name), bars=bars[:NUM_SHOWN], beginning=beginning)


def _bar(measured: Measured, lowest: float, span: float) -> Bar:
    def place(share: float) -> float:
        return 100 * (min(max(share, lowest), 1.0) - lowest) / span

    share = measured.share
    ends, whisker = sorted((place(0.0), place(share.p50))), sorted((place(share.p10), place(share.p90)))
    return Bar(
        measured=measured, left=round(ends[0], 2), width=round(ends[1] - ends[0], 2),
        whisker_left=round(whisker[0], 2), whisker_width=round(whisker[1] - whisker[0], 2),
    )  # fmt: skip


def title_of(name: str) -> str:
    return {
        TRANSFER: _("Transfer"), AUGMENTATION: _("Augmentation"), COMPRESSION: _("Compression"),
        PARALLEL: _("Several processes"),
    }[name]  # fmt: skip


def how_of(name: str) -> str:
    return {
        TRANSFER: _("A run that begins with trained weights, beside one of the same shape from scratch on the same data."),
        AUGMENTATION: _("The button “What is augmentation worth?” on a run's page trains it again without."),
        COMPRESSION: _("A kept model's tab “Smaller” stores it in fewer bits, prunes it, or lets it teach a smaller one."),
        PARALLEL: _("The same run once with one process and once with several."),
    }[name]  # fmt: skip
