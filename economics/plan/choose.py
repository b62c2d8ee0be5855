"""Choose from a scan: the best by a goal, the band nearly as good, the Pareto front, and which limits bind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from economics.errors import InputError, NoAnswerError
from economics.plan.scan import Scan

Goal = Literal["best-loss", "cheapest", "fastest"]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """One configuration."""

    index: int
    """Row of the scan."""

    num_params: float
    """Size."""

    num_tokens: float
    """Tokens seen."""

    offer: int
    """Index of the offer."""

    count: int
    """Devices."""

    loss: float
    """Central loss."""

    training_usd: float
    """Training with its multiplier."""

    serving_usd: float
    """Serving over the horizon."""

    wall_seconds: float
    """Time of the final run."""


def plan_choose(scan: Scan, goal: Goal) -> Chosen:
    """The best feasible configuration: least loss, least money (training and serving), or least time.

    Ties go to the cheaper, then to the faster.

    Raises
    ------
    NoAnswerError : naming the limits that leave nothing, and by how much the nearest configuration misses
    """
    keys = {"best-loss": scan.loss, "cheapest": scan.total_usd, "fastest": scan.wall_seconds}
    if goal not in keys:
        raise InputError("goal", goal, f"one of {', '.join(keys)}")
    rows = np.flatnonzero(scan.feasible)
    if rows.size == 0:
        raise NoAnswerError(_why_nothing(scan))
    order = np.lexsort((scan.wall_seconds[rows], scan.total_usd[rows], keys[goal][rows]))
    return _chosen(scan, int(rows[order[0]]))


def plan_band(scan: Scan, best: Chosen, goal: Goal, *, slack_fraction: float = 0.10) -> dict[str, tuple[float, float]]:
    """Sizes and tokens of all feasible configurations nearly as good.

    For money and time: within `slack_fraction` of the best. For loss: at most the loss that the best reaches with
    `slack_fraction` less money would, that is within ten per cent of the cheapest compute for it; and for about the same
    money: where data or time binds before the budget does, much dearer mixes reach hardly another loss.
    """
    if goal == "best-loss":
        spent = best.training_usd + best.serving_usd
        affordable = scan.feasible & (scan.total_usd <= spent / (1 + slack_fraction))
        limit = scan.loss[affordable].min() if affordable.any() else best.loss
        near = scan.feasible & (scan.loss <= limit) & (scan.total_usd <= spent * (1 + slack_fraction))
    else:
        values, value = (
            (scan.total_usd, best.training_usd + best.serving_usd)
            if goal == "cheapest"
            else (scan.wall_seconds, best.wall_seconds)
        )
        near = scan.feasible & (values <= value * (1 + slack_fraction))
    return {
        name: (float(values[near].min()), float(values[near].max()))
        for name, values in (("num_params", scan.num_params), ("num_tokens", scan.num_tokens))
    }


def pareto_front(scan: Scan, *, most: int = 30) -> list[Chosen]:
    """Feasible configurations that no other beats in both money and loss, cheapest first, thinned to `most`.

    >>> from economics.plan.scan import Scan
    >>> one, none = np.ones(3), np.zeros(3)
    >>> scan = Scan(num_params=one, num_tokens=one, offer=none.astype(int), count=one, loss=np.array([3.0, 2.0, 2.5]),
    ...             training_usd=np.array([1.0, 2.0, 3.0]), serving_usd=none, wall_seconds=one,
    ...             feasible=one > 0, broken={})
    >>> [(c.training_usd, c.loss) for c in pareto_front(scan)]
    [(1.0, 3.0), (2.0, 2.0)]
    """
    rows = np.flatnonzero(scan.feasible)
    if rows.size == 0:
        return []
    order = rows[np.lexsort((scan.wall_seconds[rows], scan.loss[rows], scan.total_usd[rows]))]
    loss = scan.loss[order]
    best_before = np.concatenate([[np.inf], np.minimum.accumulate(loss)[:-1]])
    front = order[loss < best_before]
    if front.size > most:
        wanted = np.linspace(np.log(scan.total_usd[front[0]]), np.log(scan.total_usd[front[-1]]), most)
        front = front[np.unique(np.abs(np.log(scan.total_usd[front])[:, None] - wanted).argmin(axis=0))]
    return [_chosen(scan, int(row)) for row in front]


def binding_limits(scan: Scan, goal: Goal, *, least_gain_fraction: float = 1e-3) -> list[str]:
    """Limits whose lifting alone would improve the best of this scan noticeably: what to negotiate."""
    values = {"best-loss": scan.loss, "cheapest": scan.total_usd, "fastest": scan.wall_seconds}[goal]
    best = values[scan.feasible].min() * (1 - least_gain_fraction)
    found = []
    for name, broken in scan.broken.items():
        others = ~np.any([b for n, b in scan.broken.items() if n != name], axis=0) if len(scan.broken) > 1 else True
        released = np.asarray(others & ~np.isnan(values) & broken)
        if released.any() and values[released].min() < best:
            found.append(name)
    return found


def _chosen(scan: Scan, row: int) -> Chosen:
    return Chosen(
        index=row,
        num_params=float(scan.num_params[row]),
        num_tokens=float(scan.num_tokens[row]),
        offer=int(scan.offer[row]),
        count=int(scan.count[row]),
        loss=float(scan.loss[row]),
        training_usd=float(scan.training_usd[row]),
        serving_usd=float(scan.serving_usd[row]),
        wall_seconds=float(scan.wall_seconds[row]),
    )


def _why_nothing(scan: Scan) -> str:
    """Which limits exclude everything, and what would be left without each."""
    alone = [name for name, broken in scan.broken.items() if broken.all()]
    if alone:
        return f"No configuration keeps to the limit on {', '.join(alone)}; relax it or widen the sizes and hardware."
    helps = []
    for name in scan.broken:
        others = np.any([b for n, b in scan.broken.items() if n != name], axis=0)
        if not others.all():
            helps.append(name)
    if helps:
        return f"No configuration keeps to all limits; relaxing any one of {', '.join(helps)} would leave some."
    return "No configuration keeps to all limits, whichever one is relaxed."
