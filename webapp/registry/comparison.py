"""Two versions side by side: what each is, what each scored on the same data, and whether the difference is one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from trainer.metrics.direction import lower_is_better
from webapp.datasets.models import DatasetVersion
from webapp.registry.lineage import cost_to_make
from webapp.registry.models import ModelVersion, Result
from webapp.registry.paired import NotPaired, PairedTest, paired_test, read_units, tests_of_scores
from webapp.runs.detail import flat
from webapp.ui.templatetags.figures import count, energy, exact, usd


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricLine:
    name: str
    first: float | None
    second: float | None
    test: PairedTest | None = None

    @property
    def difference(self) -> float | None:
        return None if self.first is None or self.second is None else self.second - self.first

    @property
    def verdict(self) -> str:
        """`better`, `worse` (the second against the first), `unclear`, or empty where nothing was tested."""
        if self.test is None:
            return ""
        if not self.test.is_clear:
            return "unclear"
        return "better" if (self.test.difference < 0) == lower_is_better(self.name) else "worse"


@dataclass(frozen=True, kw_only=True, slots=True)
class SameData:
    """Results of both on one split of one data version."""

    data: DatasetVersion
    split: str
    lines: list[MetricLine]
    why_not_tested: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    facts: list[tuple[str, str, str]]
    settings: list[tuple[str, Any, Any]]
    same: list[SameData] = field(default_factory=list)
    not_comparable: list[tuple[ModelVersion, Result]] = field(default_factory=list)
    """Results that only one of them has: another data version, or another split."""


def compare(a: ModelVersion, b: ModelVersion) -> Comparison:
    """Return the comparison. Results are put side by side only where the data's content is the same."""
    of_a, of_b = _latest(a), _latest(b)
    common = [key for key in of_a if key in of_b]
    return Comparison(
        facts=_facts(a, b),
        settings=_settings(a, b),
        same=[_same(of_a[key], of_b[key]) for key in common],
        not_comparable=[
            *((a, result) for key, result in of_a.items() if key not in of_b),
            *((b, result) for key, result in of_b.items() if key not in of_a),
        ],
    )


def _latest(version: ModelVersion) -> dict[tuple[str, str], Result]:
    """Return the newest result of each content and split; one that can be paired is preferred."""
    found: dict[tuple[str, str], Result] = {}
    for result in version.results.select_related("dataset_version__dataset", "suite").order_by("at", "id"):
        key = (result.content_hash, result.split)
        if key not in found or result.can_be_paired or not found[key].can_be_paired:
            found[key] = result
    return found


def _same(a: Result, b: Result) -> SameData:
    names = [name for name in {**a.metrics, **b.metrics} if not name.startswith("num_")]
    tests, why = _tests(a, b, names)
    lines = [
        MetricLine(name=name, first=a.metrics.get(name), second=b.metrics.get(name), test=tests.get(name))
        for name in sorted(names)
    ]
    return SameData(data=a.dataset_version, split=a.split, lines=lines, why_not_tested=why)


def _tests(a: Result, b: Result, names: list[str]) -> tuple[dict[str, PairedTest], str]:
    """Return the paired test of each metric that has one: by the answers to each example, else by sums unit by unit."""
    tests, why = _tests_by_example(a, b)
    units = _files(a.path_of_units, b.path_of_units)
    if units is None and not tests:
        return {}, why or _("No paired test: run the same suite on both, so that both are measured unit by unit.")
    read = [read_units(path) for path in units or ()]
    for name in names if read else ():
        try:
            if name not in tests:
                tests[name] = paired_test(read[0], read[1], name)
        except NotPaired as error:
            why = str(error)
    return tests, "" if tests else why


def _tests_by_example(a: Result, b: Result) -> tuple[dict[str, PairedTest], str]:
    scores = _files(a.path_of_scores, b.path_of_scores)
    if scores is None:
        return {}, ""
    try:
        return tests_of_scores(*scores), ""
    except NotPaired as error:
        return {}, str(error)


def _files(first: Path | None, second: Path | None) -> tuple[Path, Path] | None:
    """Return both files where both are still there."""
    if first is None or second is None or not (first.is_file() and second.is_file()):
        return None
    return first, second


def _facts(a: ModelVersion, b: ModelVersion) -> list[tuple[str, str, str]]:
    costs = {version.pk: cost_to_make(version).total for version in (a, b)}
    rows: list[tuple[str, Callable[[ModelVersion], Any]]] = [
        (_("Stage"), lambda v: v.get_stage_display()),
        (_("Family"), lambda v: v.run.family),
        (_("Parameters"), lambda v: count(v.lineage.get("num_parameters"))),
        (_("Data"), lambda v: str(v.run.dataset_version)),
        (_("Step"), lambda v: exact(v.checkpoint.step)),
        (_("Seed"), lambda v: v.lineage.get("seed")),
        (_("Licence"), lambda v: v.licence or "–"),
        (_("Cost to make"), lambda v: usd(costs[v.pk].effective_usd)),
        (_("Energy"), lambda v: energy(costs[v.pk].energy_kwh)),
    ]
    return [(title, str(show(a)), str(show(b))) for title, show in rows]


def _settings(a: ModelVersion, b: ModelVersion) -> list[tuple[str, Any, Any]]:
    """Return the settings of training that differ."""
    of_a, of_b = (dict(flat(version.lineage.get("spec") or {})) for version in (a, b))
    names = sorted({*of_a, *of_b} - {"kind", "version", "data.path"})
    return [(name, of_a.get(name, "–"), of_b.get(name, "–")) for name in names if of_a.get(name) != of_b.get(name)]
