"""Peer: Aim's repository on disk, through its own Python interface. It has no batches: each point is a call."""

from __future__ import annotations

import tempfile
import time
from typing import Any

from aim import Repo, Run
from aim.sdk.index_manager import RepoIndexManager
from aim.sdk.types import QueryReportMode

from benchmarks.frame.child import Round, serve

KEY = "loss"
PAGE = 100


def prepare(arguments: dict[str, Any]) -> Round:
    repo = Repo(tempfile.mkdtemp(prefix="isocost-bench-aim-"), init=True)
    return {"in": log, "chart": read, "list": search}[arguments["what"]](repo, arguments)


def new_run(repo: Any) -> Any:
    return Run(repo=repo, system_tracking_interval=None, capture_terminal_logs=False)


def put_in_index(repo: Any) -> None:
    """Put every run into the index, as Aim's server does as it goes: a query sees no other."""
    index = RepoIndexManager(repo)
    for run_hash in repo.list_all_runs():
        index.index(run_hash)


def log(repo: Any, arguments: dict[str, Any]) -> Round:
    run = new_run(repo)
    num_steps = arguments["steps"] * arguments["blocks"]
    first = iter(range(0, 10**9, num_steps))

    def one_round() -> float:
        begin = next(first)
        began = time.perf_counter()
        for step in range(begin, begin + num_steps):
            for key in range(arguments["keys"]):
                run.track(1 / (1 + step), name=f"bench/{key}", step=step)
        return num_steps * arguments["keys"] / (time.perf_counter() - began)

    return one_round


def read(repo: Any, arguments: dict[str, Any]) -> Round:
    run = new_run(repo)
    for step in range(arguments["points"]):
        run.track(1 / (1 + step), name=KEY, step=step)
    run.close()
    put_in_index(repo)

    def one_round() -> tuple[float, dict[str, float]]:
        began = time.perf_counter()
        found = repo.query_metrics(f"metric.name == '{KEY}'", report_mode=QueryReportMode.DISABLED)
        steps, _columns = next(iter(found)).data.sample(1_000).numpy()
        return (time.perf_counter() - began) * 1000, {"items": len(steps)}

    one_round()
    return one_round


def search(repo: Any, arguments: dict[str, Any]) -> Round:
    for number in range(arguments["runs"]):
        run = new_run(repo)
        run.track(float((number * 7919) % 10_007), name=KEY, step=1)
        run.close()
    put_in_index(repo)

    def one_round() -> tuple[float, dict[str, float]]:
        began = time.perf_counter()
        found = repo.query_metrics(f"metric.name == '{KEY}'", report_mode=QueryReportMode.DISABLED)
        rows = sorted((metric.values.last_value(), metric.run.hash) for metric in found)[:PAGE]
        return (time.perf_counter() - began) * 1000, {"items": len(rows)}

    one_round()
    return one_round


if __name__ == "__main__":
    serve(prepare)
