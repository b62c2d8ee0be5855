"""From which probability on to act: the threshold that costs least, given what each kind of error costs."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from trainer.errors import InputError
from trainer.metrics.labels import Floats

MAX_POINTS = 101


@dataclass(frozen=True, kw_only=True, slots=True)
class ErrorCurve:
    """What happens at each threshold: an example is taken for the label when its probability is at least that."""

    label: str
    thresholds: list[float] = field(default_factory=list)
    """Ascending; the last is above every probability: the label is never given."""

    false_alarms: list[int] = field(default_factory=list)
    misses: list[int] = field(default_factory=list)
    num_positives: int = 0
    num_examples: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """The threshold that costs least, and what it does."""

    label: str
    threshold: float
    false_alarms: int
    misses: int
    cost: float
    """Of all errors, on the examples measured."""

    cost_at_half: float
    """What the errors cost where the threshold is one half."""

    precision: float | None
    recall: float | None


def error_curve(label: str, is_positive: NDArray[np.bool_], probability: Floats) -> ErrorCurve:
    """Return the errors at up to 101 thresholds: every probability that occurs, or even steps through them, and one half."""
    values = np.unique(probability)
    if len(values) > MAX_POINTS:
        values = np.unique(np.quantile(values, np.linspace(0, 1, MAX_POINTS), method="nearest"))
    values = np.unique(np.r_[values, 0.5, np.nextafter(max(values[-1] if len(values) else 0.5, 0.5), 2)])
    order = np.argsort(probability)
    below = np.searchsorted(probability[order], values, side="left")  # examples under each threshold
    positives_below = np.r_[0, np.cumsum(is_positive[order])][below]
    num_positives = int(is_positive.sum())
    false_alarms = (len(probability) - below) - (num_positives - positives_below)
    return ErrorCurve(
        label=label,
        thresholds=[float(v) for v in values],
        false_alarms=[int(n) for n in false_alarms],
        misses=[int(n) for n in positives_below],
        num_positives=num_positives,
        num_examples=len(probability),
    )


def errors_at(curve: ErrorCurve, threshold: float) -> tuple[int, int]:
    """Return the false alarms and misses of another set of examples at a threshold that was chosen elsewhere."""
    at = min(int(np.searchsorted(curve.thresholds, threshold)), len(curve.thresholds) - 1)
    return curve.false_alarms[at], curve.misses[at]


def choice_elsewhere(curve: ErrorCurve, threshold: float, *, cost_false_alarm: float, cost_miss: float) -> Choice:
    """Return what a threshold does that was chosen on other examples, which is what it can be judged by."""
    false_alarms, misses = errors_at(curve, threshold)
    return choice_of(curve, threshold, false_alarms, misses, cost_false_alarm=cost_false_alarm, cost_miss=cost_miss)


def pick_threshold(curve: ErrorCurve, *, cost_false_alarm: float, cost_miss: float) -> Choice:
    """Return the threshold with the least cost; of equal ones the nearest to what the costs alone ask for.

    That is `cost_false_alarm / (cost_false_alarm + cost_miss)`, the best one where probabilities are true: few examples
    leave many thresholds equal, and the outermost of them would do worst on others. Costs are in any one unit, such as dollars.
    """
    for name, cost in (("a false alarm", cost_false_alarm), ("a miss", cost_miss)):
        if not (np.isfinite(cost) and cost >= 0):
            raise InputError(f"the cost of {name} is {cost}; it must be a number of at least 0")
    if not curve.thresholds:
        raise InputError(f"label {curve.label!r} was not measured, so no threshold can be chosen for it")
    costs = cost_false_alarm * np.array(curve.false_alarms) + cost_miss * np.array(curve.misses)
    both = cost_false_alarm + cost_miss
    asked = cost_false_alarm / both if both else 0.5
    at = int(np.lexsort((np.abs(np.array(curve.thresholds) - asked), costs))[0])
    return choice_of(
        curve,
        curve.thresholds[at],
        curve.false_alarms[at],
        curve.misses[at],
        cost_false_alarm=cost_false_alarm,
        cost_miss=cost_miss,
    )


def choice_of(
    curve: ErrorCurve,
    threshold: float,
    false_alarms: int,
    misses: int,
    *,
    cost_false_alarm: float,
    cost_miss: float,
) -> Choice:
    alarms_at_half, misses_at_half = errors_at(curve, 0.5)
    hits = curve.num_positives - misses
    said = hits + false_alarms
    return Choice(
        label=curve.label,
        threshold=threshold,
        false_alarms=false_alarms,
        misses=misses,
        cost=cost_false_alarm * false_alarms + cost_miss * misses,
        cost_at_half=cost_false_alarm * alarms_at_half + cost_miss * misses_at_half,
        precision=hits / said if said else None,
        recall=hits / curve.num_positives if curve.num_positives else None,
    )
