"""A run of a bench: every contender has its turn, A B C A B C, on the same shapes and data."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from statistics import median, quantiles
from typing import Any

import msgspec

from benchmarks.frame.contenders import Child, Contender, Here, NotHere
from benchmarks.frame.limits import Limit
from benchmarks.frame.lines import Line, append
from benchmarks.frame.machine import OthersShare, commit, machine_name

RUN = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def compare(
    bench: str,
    shape: str,
    contenders: Sequence[Contender],
    *,
    unit: str,
    rounds: int = 3,
    limit: Limit | None = None,
    peers: Sequence[str] = (),
    target: float | None = None,
    against: Sequence[str] = (),
    facts: dict[str, float | str] | None = None,
    is_recorded: bool = True,
) -> list[Line]:
    """Let the contenders take turns for some rounds; print a line for each, record them, and return them.

    `peers` names those that run in this environment all the same; a `Child` in the peers' environment is always one.
    A contender that cannot run here is passed over with a sentence.
    """
    with ExitStack() as stack:
        running = {}
        for contender in contenders:
            try:
                running[contender.name] = stack.enter_context(contender.started())
            except NotHere as error:
                print(f"{bench}, {shape}: {contender.name} is passed over: {error}", file=sys.stderr)
        measure = stack.enter_context(limit_of(limit).started()) if limit else None
        values: dict[str, list[float]] = {name: [] for name in running}
        others: dict[str, list[float]] = {name: [] for name in running}
        told: dict[str, dict[str, float | str]] = {name: {} for name in running}
        rate = 0.0
        for _ in range(rounds):
            for name in list(running):
                share = OthersShare()
                try:
                    value, more = running[name]()
                except NotHere as error:
                    print(f"{bench}, {shape}: {name} is passed over: {error}", file=sys.stderr)
                    del running[name]
                    continue
                others[name].append(share.read())
                values[name].append(value)
                told[name] |= more
            if measure is not None:
                rate = max(rate, measure()[0])
    is_peer = {c.name: c.name in peers or (isinstance(c, Child) and c.is_peer) for c in contenders}
    own = {c.name: (c.target, c.against) for c in contenders if isinstance(c, Child) and c.target}
    lines = [
        Line(
            bench=bench,
            contender=name,
            shape=shape,
            value=rounded(median(found)),
            unit=unit,
            spread=rounded(half_quartiles(found)),
            num_rounds=len(found),
            limit=limit.name if limit else "",
            limit_value=rounded(rate) if limit else None,
            fraction_of_limit=round(median(found) * limit.work_per_unit / rate, 4) if limit and rate else None,
            cpu_share_of_others=round(median(others[name]), 3),
            is_peer=is_peer[name],
            target=None if is_peer[name] else own.get(name, (target, against))[0],
            against=[] if is_peer[name] else list(own.get(name, (target, against))[1]),
            facts={**(facts or {}), **told[name]},
            run=RUN,
            machine=machine_name(),
            commit=commit(),
        )
        for name, found in values.items()
        if found
    ]
    for line in lines:
        print(msgspec.json.encode(line).decode(), flush=True)
    if is_recorded:
        append(lines)
    return lines


def limit_of(limit: Limit) -> Child:
    return Child(name=limit.name, module="benchmarks.frame.limits", arguments={"name": limit.name})


def half_quartiles(values: Sequence[float]) -> float:
    """Return half the distance of the quartiles; 0 for a single value."""
    if len(values) < 2:
        return 0.0
    first, _, third = quantiles(values, n=4, method="inclusive")
    return (third - first) / 2


def rounded(value: float) -> float:
    """Return four digits of it: no measurement here has more."""
    return float(f"{value:.4g}")


def options(description: str | None, **more: Any) -> argparse.Namespace:
    """Read the options that all benches share, and a bench's own: `name=(default, help)`."""
    parser = argparse.ArgumentParser(description=(description or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dry", action="store_true", help="record nothing")
    parser.add_argument("--only", default="", help="shapes that contain this")
    for name, (default, text) in more.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default, help=text)
    return parser.parse_args()


__all__ = ["Child", "Here", "Limit", "compare", "options"]
