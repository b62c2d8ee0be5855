"""The report of a preparation of interactions, in the form that pages know: steps, sparsity, popularity, sessions, cold ones."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.amounts import amount
from trainer.data.interactions.checks import DAY, LeftOut
from trainer.data.interactions.reading import EMPTY_NAMES, Gathered, Table
from trainer.data.interactions.split import TEST, TRAIN, VALIDATION, Division
from trainer.data.interactions.times import is_order_only, show_time
from trainer.data.manifest import VersionManifest
from trainer.data.skipped import SkipCounter
from trainer.data.spec import PrepareSpec

NUM_CURVE_POINTS = 60
NUM_TOP_ITEMS = 20
NUM_SAMPLES = 20
FIRST_PLAUSIBLE = 631_152_000_000
"""1990: records kept by a computer are hardly older, and a missing time is often written as 1970."""


@dataclass(slots=True)
class Step:
    name: str
    given: int | None
    left: int
    reasons: list[LeftOut] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What the report is made of. `table` holds what stayed, by its new numbers."""

    found: Gathered
    skips: SkipCounter
    table: Table
    division: Division
    users: list[str]
    items: list[tuple[str, str]]
    steps: list[Step]
    facts: dict[str, Any]
    warnings: list[str]


def build_report(spec: PrepareSpec, outcome: Outcome, manifest: VersionManifest, *, seconds: float) -> dict[str, Any]:
    """Return the report in the form that pages know."""
    table, division = outcome.table, outcome.division
    return {
        "version": 1,
        "steps": [_step(step, outcome.found.bytes_read if step.name == "read" else None) for step in outcome.steps],
        "totals": {
            "documents": len(table), "content_hash": manifest.content_hash, "recipe_hash": manifest.recipe_hash,
        },
        "splits": {
            name: {"documents": split.num_documents, "tokens": 0, "bytes": split.num_bytes}
            for name, split in manifest.splits.items()
        },
        "labels": [],
        "interactions": {
            "users": len(outcome.users),
            "items": len(outcome.items),
            "density": len(table) / max(len(outcome.users) * len(outcome.items), 1),
            "per_user": spread(np.bincount(table.users, minlength=1)),
            "per_item": spread(np.bincount(table.items, minlength=1)),
            "popularity": popularity(table, outcome.items),
            "time": times_of(outcome, spec.recipe.split.session_gap_minutes),
            "division": {"by": division.by, "cuts": [show_time(cut) for cut in division.cuts or ()]},
            "cold": cold(table, division),
            "ratings": ratings_of(table) if outcome.found.has_ratings else [],
            "features": {side: outcome.facts[f"num_{side}_features"] for side in ("user", "item")},
            "columns": [
                {"file": file, "columns": {name: getattr(columns, name) for name in columns.__dataclass_fields__}}
                for file, columns in list(outcome.found.columns.items())[:20]
            ],
        },
        "skipped": outcome.skips.as_report(),
        "samples": samples_of(outcome),
        "facts": manifest.facts,
        "warnings": outcome.warnings + warnings_of(outcome),
        "recipe": spec.recipe.to_dict(),
        "sources": [
            {"name": source.display_name, "sha256": source.sha256, "bytes": Path(source.path).stat().st_size}
            for source in spec.sources
        ],
        "seconds": {"all": round(seconds, 3)},
    }  # fmt: skip


def _step(step: Step, bytes_in: int | None) -> dict[str, Any]:
    return {
        "name": step.name, "documents_in": step.given, "documents_out": step.left, "bytes_in": bytes_in, "bytes_out": None,
        "reasons": [{"reason": why.reason, "documents": why.count, "examples": why.examples} for why in step.reasons],
    }  # fmt: skip


def spread(counts: NDArray[np.int64]) -> dict[str, float]:
    """Return how counts are spread over those that have any."""
    counts = counts[counts > 0]
    if not len(counts):
        return {}
    names = ("min", "p50", "p90", "p99", "max")
    return {
        **{name: float(value) for name, value in zip(names, np.quantile(counts, [0, 0.5, 0.9, 0.99, 1]), strict=True)},
        "mean": float(counts.mean()),
    }


def popularity(table: Table, items: list[tuple[str, str]]) -> dict[str, Any]:
    """Return which share of interactions the most popular share of items has, Gini's coefficient, and the top items."""
    counts = np.bincount(table.items, minlength=len(items))
    order = np.argsort(-counts, kind="stable")
    shares = np.cumsum(counts[order]) / max(int(counts.sum()), 1)
    places = np.unique(np.geomspace(1, max(len(items), 1), NUM_CURVE_POINTS).astype(int))
    ascending = np.sort(counts)
    n = len(ascending)
    gini = float((2 * np.arange(1, n + 1) - n - 1) @ ascending / max(n * ascending.sum(), 1)) if n else 0.0
    return {
        "curve": [{"items": int(place), "share": float(shares[place - 1])} for place in places if place <= n],
        "gini": gini,
        "top": [
            {"item": items[i][0], "title": items[i][1], "interactions": int(counts[i])} for i in order[:NUM_TOP_ITEMS]
        ],
    }


def times_of(outcome: Outcome, gap_minutes: int) -> dict[str, Any] | None:
    """Return range, interactions by stretch of time, and sessions; None without times."""
    table = outcome.table
    if not outcome.found.has_times or not len(table):
        return None
    first, last = int(table.times.min()), int(table.times.max())
    if is_order_only(table.times):
        return {"is_order": True}
    edges = np.linspace(first, last + 1, 41)
    counts, _ = np.histogram(table.times, edges)
    order = np.lexsort((table.times, table.users))
    users, times = table.users[order], table.times[order]
    begins = np.r_[True, (users[1:] != users[:-1]) | (times[1:] - times[:-1] > gap_minutes * 60_000)]
    lengths = np.diff(np.r_[np.flatnonzero(begins), len(users)])
    return {
        "is_order": False,
        "first": show_time(first),
        "last": show_time(last),
        "histogram": [{"from": show_time(int(a)), "interactions": int(n)} for a, n in zip(edges, counts, strict=False)],
        "sessions": {"count": int(begins.sum()), "gap_minutes": gap_minutes, "interactions": spread(lengths)},
    }


def cold(table: Table, division: Division) -> dict[str, dict[str, int]]:
    """Return how many users and items of validation and test are not in training."""
    found = {}
    train = division.splits == TRAIN
    for name, number in (("validation", VALIDATION), ("test", TEST)):
        chosen = division.splits == number
        users, items = np.unique(table.users[chosen]), np.unique(table.items[chosen])
        found[name] = {
            "users": len(users), "cold_users": len(np.setdiff1d(users, table.users[train])),
            "items": len(items), "cold_items": len(np.setdiff1d(items, table.items[train])),
        }  # fmt: skip
    return found


def ratings_of(table: Table) -> list[dict[str, float]]:
    """Return how often each rating was given; in ten bins where there are many different ones."""
    given = table.ratings[np.isfinite(table.ratings)]
    values, counts = np.unique(given, return_counts=True)
    if len(values) > 20:
        counts, edges = np.histogram(given, 10)
        values = edges[:-1]
    return [{"rating": float(value), "interactions": int(count)} for value, count in zip(values, counts, strict=True)]


def samples_of(outcome: Outcome) -> list[dict[str, Any]]:
    """Return some users with their latest items, evenly chosen."""
    table = outcome.table
    order = np.lexsort((table.times, table.users))
    counts = np.bincount(table.users, minlength=len(outcome.users))
    ends = np.cumsum(counts)
    chosen = np.unique(np.linspace(0, len(outcome.users) - 1, NUM_SAMPLES).astype(int))
    return [
        {
            "user": outcome.users[user],
            "interactions": int(counts[user]),
            "latest": [
                outcome.items[i][1] or outcome.items[i][0]
                for i in table.items[order[max(ends[user] - 6, ends[user] - counts[user]) : ends[user]]][::-1]
            ],
        }
        for user in chosen
    ]


def odd_times(times: NDArray[np.int64]) -> list[tuple[str, str, int, int]]:
    """Return where times lie that can hardly be true, which of them is told, how many they are, and that one."""
    now = int(time.time() * 1e3)
    return [
        ("in the future", "latest", int((times > now + DAY).sum()), int(times.max(initial=0))),
        ("before 1990", "earliest", int((times < FIRST_PLAUSIBLE).sum()), int(times.min(initial=0))),
    ]


def warnings_of(outcome: Outcome) -> list[str]:
    found = []
    if outcome.division.by == "chance":
        found.append(
            "The interactions are divided by chance, since there are no times: what is measured may lie before what was "
            "learnt from, so that results look better than they will be."
        )
    if outcome.division.by == "last":
        found.append(
            "Each user's last interaction is the test, while other users' later ones are learnt from: results may look "
            "better than they will be. Dividing by time shows what a model could have known."
        )
    found += [
        f"The {side} {name!r} has {amount(int(count), 'interaction')}: if that stands for a missing name, leave those rows out."
        for side, names, numbers in (
            ("user", outcome.users, outcome.table.users),
            ("item", [name for name, _ in outcome.items], outcome.table.items),
        )
        for name, count in zip(names, np.bincount(numbers, minlength=len(names)), strict=True)
        if name.casefold() in EMPTY_NAMES
    ]
    if len(outcome.items) < 2 or len(outcome.users) < 2:
        found.append(
            f"Found {amount(len(outcome.users), 'user')} and {amount(len(outcome.items), 'item')}: from fewer than two of either "
            "there is nothing to learn about who takes what. Are the columns right?"
        )
    for side, kept in (("user", outcome.found.users), ("item", outcome.found.items)):
        if kept.num_conflicts:
            found.append(
                f"{amount(kept.num_conflicts, f'{side} feature')} unlike in another row of the same {side}; "
                "the earliest one stays."
            )
    if outcome.found.has_times and not is_order_only(outcome.table.times):
        found += [
            f"{amount(count, 'interaction')} {where}, the {end} at {show_time(moment)}: is the column of times right?"
            for where, end, count, moment in odd_times(outcome.table.times)
            if count
        ]
    for name, counts in cold(outcome.table, outcome.division).items():
        if counts["users"] and counts["cold_users"] > counts["users"] / 2:
            found.append(
                f"{counts['cold_users']:,} of {counts['users']:,} users in {name} are not in training: only their features "
                "can tell a model anything."
            )
    return found
