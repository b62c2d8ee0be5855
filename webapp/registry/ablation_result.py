"""What an ablation found: the effect on each measure with its interval, and what either side cost.

Each pair is tested on the same test examples, as two models are (`paired`): the interval tells how far the effect may be
chance of which examples were tested. With several seeds the effect is their mean, and its interval is that of the seeds
(Student's t): it then also tells how far training itself is chance.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from math import sqrt
from statistics import mean, stdev
from typing import Any

import numpy as np
import scipy
from django.utils.translation import gettext as _

from trainer.families import families
from trainer.metrics.bootstrap import bootstrap
from trainer.metrics.direction import lower_is_better
from webapp.costs.queries import job_spend
from webapp.jobs.models import Job, State
from webapp.projects.models import Project
from webapp.registry.models import Ablation, AblationPair
from webapp.registry.paired import NotPaired, PairedTest, paired_test, read_units, tests_of_scores
from webapp.runs.models import Run
from webapp.runs.reports import artifact_path, load, report_path
from webapp.runs.unit_words import measure_words

SPLIT = "test"
WHOLLY_RIGHT = "wholly_right"
"""Share of examples in which everything was right: of pictures with several boxes, say."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Effect:
    """How much a measure is better or worse with the setting than without it: with minus without."""

    name: str
    with_it: float
    without: float
    low: float | None
    high: float | None
    num_seeds: int

    @property
    def difference(self) -> float:
        return self.with_it - self.without

    @property
    def verdict(self) -> str:
        """`better` or `worse` with it, `unclear`, or empty where there is no interval."""
        if self.low is None or self.high is None:
            return ""
        if self.low <= 0 <= self.high:
            return "unclear"
        return "better" if (self.difference < 0) == lower_is_better(self.name) else "worse"


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """What the runs of one side took."""

    usd: float
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class AblationResult:
    ablation: Ablation
    pairs: list[AblationPair]
    effects: list[Effect] = field(default_factory=list)
    main: Effect | None = None
    """Of the measure that decides in the family; where no interval is known of it, of one that has one."""

    with_it: Side | None = None
    without: Side | None = None

    @property
    def is_done(self) -> bool:
        return all(_has_ended(pair) for pair in self.pairs)

    @property
    def extra_usd(self) -> float | None:
        """What training with it costs more than without."""
        return self.with_it.usd - self.without.usd if self.with_it and self.without else None

    @property
    def num_done(self) -> int:
        return sum(map(_is_measured, self.pairs))


def ablation_result(ablation: Ablation) -> AblationResult:
    """Return what is known so far: of the pairs whose runs both ended well."""
    pairs = list(ablation.pairs.select_related("before__latest_job", "after__latest_job"))
    measured = [pair for pair in pairs if _is_measured(pair)]
    effects = effects_of(measured)
    family = families().get(pairs[0].before.family) if pairs else None
    decides = family.main_metric.partition("/")[2] if family else "loss"
    main = main_of(effects, decides)
    return AblationResult(
        ablation=ablation, pairs=pairs, effects=effects, main=main,
        with_it=_side([pair.before for pair in measured]), without=_side([pair.after for pair in measured]),
    )  # fmt: skip


def main_of(effects: list[Effect], decides: str) -> Effect | None:
    """Return the effect that the page tells first."""
    wanted = [effect for effect in effects if effect.name == decides]
    sure = [effect for effect in [*wanted, *effects] if effect.low is not None]
    return next(iter([*sure, *wanted, *effects]), None)


def measured_levers(project: Project, *, limit: int = 20) -> list[AblationResult]:
    """Return the ablations of a project that found something, newest first: levers whose effect was measured."""
    found = (ablation_result(ablation) for ablation in Ablation.objects.filter(project=project)[:limit])
    return [result for result in found if result.main is not None]


def effects_of(pairs: list[AblationPair]) -> list[Effect]:
    """Return the effect on each measure that every pair has."""
    if not pairs:
        return []
    tests = [_tests(pair) for pair in pairs]
    values = [(_metrics(pair.before), _metrics(pair.after)) for pair in pairs]
    names = [name for name in values[0][0] if all(name in before and name in after for before, after in values)]
    names += [name for name in tests[0] if name not in names and all(name in each for each in tests)]
    order = _measures_told(pairs[0].before)
    names.sort(key=lambda name: order.index(name) if name in order else len(order))
    return [_effect(name, values, tests) for name in names]


def _effect(
    name: str, values: list[tuple[dict[str, float], dict[str, float]]], tests: list[dict[str, PairedTest]]
) -> Effect:
    def sides(index: int) -> tuple[float, float]:
        if name in tests[index]:
            return tests[index][name].second, tests[index][name].first
        return values[index][0][name], values[index][1][name]

    both = [sides(index) for index in range(len(tests))]
    low: float | None = None
    high: float | None = None
    if len(both) > 1:
        gaps = [a - b for a, b in both]
        half = float(scipy.stats.t.ppf(0.975, len(gaps) - 1)) * stdev(gaps) / sqrt(len(gaps))
        low, high = mean(gaps) - half, mean(gaps) + half
    elif name in tests[0]:
        low, high = tests[0][name].low, tests[0][name].high
    return Effect(
        name=name, with_it=mean(a for a, _b in both), without=mean(b for _a, b in both), low=low, high=high,
        num_seeds=len(both),
    )  # fmt: skip


def _tests(pair: AblationPair) -> dict[str, PairedTest]:
    """Return the paired tests of a pair, `first` without and `second` with it.

    By all answers where they were kept, else by sums of stretches of the split, else by what was right.
    """
    paths = [artifact_path(run, f"scores-{SPLIT}") for run in (pair.after, pair.before)]
    try:
        if paths[0] is not None and paths[1] is not None:
            return tests_of_scores(paths[0], paths[1])
    except NotPaired:
        return {}
    return _tests_of_units(pair) or _tests_of_correct(pair)


def _tests_of_units(pair: AblationPair) -> dict[str, PairedTest]:
    """Return the test of each measure that is a ratio of sums, where both runs told these of the same stretches."""
    paths = [artifact_path(run, f"units-{SPLIT}") for run in (pair.after, pair.before)]
    if paths[0] is None or paths[1] is None:
        return {}
    first, second = read_units(paths[0]), read_units(paths[1])
    found = {}
    for metric in first.ratios:
        with suppress(NotPaired):
            found[metric] = paired_test(first, second, metric)
    return found


def _tests_of_correct(pair: AblationPair) -> dict[str, PairedTest]:
    """Return the test of how often an example was right as a whole, where both reports say so of the same examples."""
    paths = [report_path(run, SPLIT) for run in (pair.after, pair.before)]
    without, with_it = (load(path) if path is not None else None for path in paths)
    if without is None or with_it is None or without.documents != with_it.documents or not with_it.correct:
        return {}
    right, before = np.array(with_it.correct, np.float64), np.array(without.correct, np.float64)
    gap = bootstrap(
        {WHOLLY_RIGHT: lambda weights: float((weights * (right - before)).sum() / weights.sum())},
        num_examples=len(right),
    )[0]
    if gap.value is None or gap.low is None or gap.high is None:
        return {}
    test = PairedTest(
        metric=WHOLLY_RIGHT, first=float(before.mean()), second=float(right.mean()), difference=gap.value,
        low=gap.low, high=gap.high, p_value=float("nan"), num_units=len(right),
    )  # fmt: skip
    return {WHOLLY_RIGHT: test}


def _measures_told(run: Run) -> list[str]:
    """Return the measures of the run's report in its own order: what matters most stands first."""
    path = report_path(run, SPLIT)
    report = load(path) if path is not None else None
    return list(report.values()) if report is not None else []


def _metrics(run: Run) -> dict[str, float]:
    return {
        name: float(value)
        for name, value in run.test_metrics.items()
        if isinstance(value, int | float) and name != "step" and not name.startswith("num_")
    }


def _side(runs: list[Run]) -> Side | None:
    if not runs:
        return None
    spent = job_spend(jobs=Job.objects.filter(train_job__run__in=runs))
    return Side(usd=float(spent.effective_usd), seconds=spent.seconds)


def _is_measured(pair: AblationPair) -> bool:
    return all(run.latest_job.state == State.SUCCEEDED and run.test_metrics for run in (pair.before, pair.after))


def _has_ended(pair: AblationPair) -> bool:
    return pair.before.latest_job.is_final and pair.after.latest_job.is_final


def state_of(run: Run) -> dict[str, Any]:
    """Return a run with its state, for a row of the page."""
    return {"run": run, "state": run.latest_job.state, "word": run.latest_job.get_state_display()}


def sentence_of(effect: Effect, title: str) -> str:
    """Return what the main effect says, in one sentence."""
    words = {"name": measure_words(effect.name), "title": title, "gap": f"{effect.difference:+.4g}"}
    if effect.verdict == "better":
        return _("%(name)s is better with %(title)s: %(gap)s.") % words
    if effect.verdict == "worse":
        return _("%(name)s is worse with %(title)s: %(gap)s.") % words
    if effect.verdict == "unclear":
        return _("No clear difference in %(name)s: %(gap)s, and the interval holds 0.") % words
    return _("%(name)s differs by %(gap)s; how sure that is cannot be told from one pair.") % words
