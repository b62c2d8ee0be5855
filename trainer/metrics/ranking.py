"""Measures of recommendations, one a user, over the whole catalogue: nothing is sampled, what a user has seen is left out.

    U users, K places, N items; `top` (U, K) item numbers, best first; `first_rank` (U,) place of the best target, from 1

Recall, NDCG and MRR as usual (Järvelin and Kekäläinen 2002); novelty is the mean self-information of what is recommended, in
bits; popularity bias is how many times as popular the recommended items are as those that users then took.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from trainer.metrics.bootstrap import Interval, bootstrap
from trainer.metrics.labels import Floats, Measure
from trainer.metrics.report import EvaluationReport, Table

PLACES = 10
MORE_PLACES = 50
NUM_PLACES = 50
"""Length of `top`."""

MAIN = f"ndcg_at_{PLACES}"
MIN_SEGMENT = 5
"""Users from which on a segment is worth a row."""


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What there is to foretell, the same for every model."""

    users: NDArray[np.int64]
    targets: list[NDArray[np.int32]]
    """Of each user: the items that it took and had not taken before."""

    history_lengths: NDArray[np.int64]
    counts: NDArray[np.int64]
    """(N,) how often each item occurs in training."""

    num_in_all: int
    """Users of whom something is to be foretold; where they are very many, `users` is an even choice of them."""

    def of(self, rows: NDArray[np.int64]) -> Truth:
        """Return the same of some of the users."""
        return Truth(
            users=self.users[rows],
            targets=[self.targets[row] for row in rows],
            history_lengths=self.history_lengths[rows],
            counts=self.counts,
            num_in_all=self.num_in_all,
        )

    @cached_property
    def num_targets(self) -> NDArray[np.int64]:
        return np.array([len(each) for each in self.targets], np.int64)

    @cached_property
    def keys(self) -> NDArray[np.int64]:
        """One number for each pair of user and target."""
        rows = np.repeat(np.arange(len(self.targets)), self.num_targets)
        keys: NDArray[np.int64] = rows * len(self.counts) + np.concatenate([*self.targets, np.empty(0, np.int32)])
        return keys


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """What one model put first for each user."""

    name: str
    truth: Truth
    top: NDArray[np.int64]
    first_rank: NDArray[np.float64]

    def of(self, rows: NDArray[np.int64]) -> Ranked:
        """Return the same of some of the users."""
        return Ranked(name=self.name, truth=self.truth.of(rows), top=self.top[rows], first_rank=self.first_rank[rows])

    @cached_property
    def hits(self) -> NDArray[np.bool_]:
        """(U, K): is this place taken by a target?"""
        keys = np.arange(len(self.top))[:, None] * len(self.truth.counts) + self.top
        return np.isin(keys, self.truth.keys) & (self.top >= 0)

    def recall(self, places: int) -> Floats:
        found: Floats = self.hits[:, :places].sum(axis=1) / np.maximum(self.truth.num_targets, 1)
        return found

    def ndcg(self, places: int) -> Floats:
        gains = 1 / np.log2(np.arange(2, places + 2))
        best = np.cumsum(gains)[np.minimum(self.truth.num_targets, places) - 1]
        found: Floats = (self.hits[:, :places] @ gains[: self.hits.shape[1]]) / best
        return found

    @cached_property
    def reciprocal_rank(self) -> Floats:
        return 1 / self.first_rank

    @cached_property
    def information(self) -> Floats:
        """Mean self-information of each user's first places, in bits."""
        share = (self.truth.counts + 1) / (self.truth.counts.sum() + len(self.truth.counts))
        return np.asarray(-np.log2(share)[self.top[:, :PLACES]].mean(axis=1))

    @cached_property
    def mean_count(self) -> Floats:
        return np.asarray(self.truth.counts[self.top[:, :PLACES]].mean(axis=1))

    @cached_property
    def target_count(self) -> Floats:
        return np.array([self.truth.counts[each].mean() for each in self.truth.targets])

    @cached_property
    def coverage(self) -> float:
        """Share of the catalogue that anybody is recommended. It belongs to all users together: there is no interval of it."""
        return len(np.unique(self.top[:, :PLACES])) / len(self.truth.counts)

    def measures(self) -> dict[str, Measure]:
        """Return every measure as a function of weights of users."""
        each = {
            f"recall_at_{PLACES}": self.recall(PLACES),
            f"recall_at_{MORE_PLACES}": self.recall(MORE_PLACES),
            MAIN: self.ndcg(PLACES),
            "mrr": self.reciprocal_rank,
        }
        found: dict[str, Measure] = {name: partial(weighted_mean, values) for name, values in each.items()}
        found[f"novelty_at_{PLACES}"] = partial(weighted_mean, self.information)
        found[f"popularity_bias_at_{PLACES}"] = lambda weights: ratio(
            float(weights @ self.mean_count), float(weights @ self.target_count)
        )
        return found

    @cached_property
    def intervals(self) -> dict[str, Interval]:
        found = bootstrap(self.measures(), num_examples=len(self.top))
        found.insert(4, Interval(name=f"coverage_at_{PLACES}", value=self.coverage))
        return {each.name: each for each in found}


def weighted_mean(values: Floats, weights: Floats) -> float:
    return float(weights @ values / weights.sum())


def ratio(above: float, below: float) -> float:
    return above / below if below else float("nan")


def difference(first: Ranked, second: Ranked) -> Interval:
    """Return by how much the first model's NDCG is above the second's over the same users, with its interval."""
    gap = first.ndcg(PLACES) - second.ndcg(PLACES)
    return bootstrap({"difference": partial(weighted_mean, gap)}, num_examples=len(gap))[0]


def verdict(model: Ranked, baselines: Sequence[Ranked]) -> tuple[str, bool]:
    """Return in words whether the model is better than the best of the baselines, and whether that is shown."""
    best = max(baselines, key=lambda each: each.intervals[MAIN].value or 0)
    mine, theirs, gap = model.intervals[MAIN].value, best.intervals[MAIN].value, difference(model, best)
    if mine is None or theirs is None or gap.low is None or gap.high is None:
        return f"There are too few users to tell whether this model is better than {best.name}.", False
    told = f"NDCG@{PLACES} {mine:.4f} against {theirs:.4f}, difference {gap.low:+.4f} to {gap.high:+.4f} (95 %)"
    if gap.low > 0:
        return f"This model beats both baselines; the better one is {best.name}: {told}.", True
    if gap.high < 0:
        what_to_do = f"Use {best.name}, or change the model."
        return f"This model does NOT beat {best.name}, which is simpler: {told}. {what_to_do}", False
    return (
        f"This model is not shown to beat {best.name}, which is simpler: {told}. More users or training may tell.",
        False,
    )


Segment = tuple[str, NDArray[np.bool_]]
"""Name of a part of the users, and who belongs to it."""


def segments(truth: Truth) -> list[Segment]:
    """Return users by activity: those without a history, and thirds of the others."""
    lengths = truth.history_lengths
    found = [("no history", lengths == 0)]
    if (lengths > 0).any():
        low, high = np.quantile(lengths[lengths > 0], [1 / 3, 2 / 3]).astype(int)
        bounds = sorted({0, int(low), int(high), int(lengths.max())})
        for below, up_to in pairwise(bounds):
            found.append((f"{below + 1} to {up_to} interactions", (lengths > below) & (lengths <= up_to)))
    return [(name, chosen) for name, chosen in found if chosen.sum() >= MIN_SEGMENT]


def ranking_report(
    *,
    split: str,
    model: Ranked,
    baselines: Sequence[Ranked],
    notes: Sequence[str],
    methods: Sequence[str],
    groups: Sequence[Segment] = (),
) -> EvaluationReport:
    """Return the report: measures with intervals, the baselines beside them, users by activity and by `groups`, and the
    verdict first."""
    every = [model, *baselines]
    told, beats = verdict(model, baselines)
    names = list(model.intervals)
    beside = [[each.name, *(shown(each.intervals[name]) for name in names)] for each in every]
    parts = [(name, np.flatnonzero(chosen)) for name, chosen in [*segments(model.truth), *groups]]
    by_model = [[name, len(rows), *(shown(each.of(rows).intervals[MAIN]) for each in every)] for name, rows in parts]
    by_measure = [[name, len(rows), *map(shown, model.of(rows).intervals.values())] for name, rows in parts]
    return EvaluationReport(
        split=split,
        num_examples=len(model.top),
        metrics=list(model.intervals.values()),
        notes=[*([] if beats else [told]), *notes],
        praise=[told] if beats else [],
        methods=list(methods),
        tables=[
            Table(title="beside the baselines", columns=["model", *map(title, names)], rows=beside),
            Table(
                title=f"NDCG@{PLACES} by segment of users",
                columns=["users", "number", *(each.name for each in every)],
                rows=by_model,
            ),
            Table(
                title="every measure by segment of users",
                columns=["users", "number", *map(title, names)],
                rows=by_measure,
            ),
        ],
        documents=[int(user) for user in model.truth.users],
        correct=model.hits[:, :PLACES].any(axis=1).astype(int).tolist(),
    )


def title(name: str) -> str:
    """Return `NDCG@10` of `ndcg_at_10`."""
    word, at, places = name.partition("_at_")
    word = word.upper() if word in ("ndcg", "mrr") else word.replace("_", " ")
    return f"{word}@{places}" if at else word


def shown(interval: Interval) -> str:
    """Return a measure with its interval, as a cell."""
    if interval.value is None:
        return "–"
    if interval.low is None or interval.high is None:
        return f"{interval.value:.3f}"
    return f"{interval.value:.3f} ({interval.low:.3f} to {interval.high:.3f})"
