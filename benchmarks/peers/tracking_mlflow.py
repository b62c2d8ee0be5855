"""Peer: MLflow's own store on SQLite, called in this process, as its client does for a local path: no server between.

what "in"      points logged in batches (of 1,000, its limit) or one by one
what "chart"   the points its page asks for (320 of them), or the history of a metric whole
what "list"    a page of runs sorted by a metric
"""

from __future__ import annotations

import os
import tempfile
import time
import uuid
from collections.abc import Callable
from typing import Any

os.environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}

from mlflow.entities import Metric, RunStatus, ViewType
from mlflow.store.tracking.dbmodels.models import SqlLatestMetric, SqlMetric, SqlRun
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

from benchmarks.frame.child import Round, serve

KEY = "loss"
MOST_IN_A_BATCH = 1_000
NUM_DRAWN = 320
PAGE = 100


def prepare(arguments: dict[str, Any]) -> Round:
    folder = tempfile.mkdtemp(prefix="isocost-bench-mlflow-")
    store = SqlAlchemyStore(f"sqlite:///{folder}/mlflow.db", f"{folder}/artifacts")
    run_id = store.create_run("0", "bench", 0, [], "bench").info.run_id
    work = {"in": log, "chart": read, "list": search}[arguments["what"]]
    return work(store, run_id, arguments)


def log(store: Any, run_id: str, arguments: dict[str, Any]) -> Round:
    num_steps, num_blocks, num_keys = arguments["steps"], arguments["blocks"], arguments["keys"]
    at_once = min(num_steps * num_keys, MOST_IN_A_BATCH)
    first = iter(range(0, 10**9, num_steps * num_blocks))

    def one_round() -> float:
        begin = next(first)
        points = [
            Metric(f"bench/{key}", 1 / (1 + step), step, step)
            for step in range(begin, begin + num_blocks * num_steps)
            for key in range(num_keys)
        ]
        began = time.perf_counter()
        for start in range(0, len(points), at_once):
            part = points[start : start + at_once]
            store.log_batch(run_id, part, [], []) if at_once > 1 else store.log_metric(run_id, part[0])
        return len(points) / (time.perf_counter() - began)

    return one_round


def read(store: Any, run_id: str, arguments: dict[str, Any]) -> Round:
    num_points = arguments["points"]
    with store.ManagedSessionMaker() as session:
        session.bulk_insert_mappings(
            SqlMetric,
            [
                {"key": KEY, "value": 1 / (1 + i), "timestamp": i, "step": i, "is_nan": False, "run_uuid": run_id}
                for i in range(num_points)
            ],
        )
        session.add(
            SqlLatestMetric(key=KEY, value=0.0, timestamp=0, step=num_points - 1, is_nan=False, run_uuid=run_id)
        )

    def drawn() -> int:
        return len(store.get_metric_history_bulk_interval([run_id], KEY, NUM_DRAWN, None, None))

    return timed(drawn if arguments["how"] == "drawn" else lambda: len(store.get_metric_history(run_id, KEY)))


def search(store: Any, _run_id: str, arguments: dict[str, Any]) -> Round:
    ids = [uuid.uuid4().hex for _ in range(arguments["runs"])]
    shared = {
        "source_type": "LOCAL", "user_id": "bench", "status": RunStatus.to_string(RunStatus.FINISHED), "start_time": 0,
        "end_time": 1, "lifecycle_stage": "active", "artifact_uri": "", "experiment_id": 0,
    }  # fmt: skip
    with store.ManagedSessionMaker() as session:
        session.bulk_insert_mappings(SqlRun, [{"run_uuid": id_, "name": id_[:8], **shared} for id_ in ids])
        session.bulk_insert_mappings(
            SqlLatestMetric,
            [
                {"key": KEY, "value": (i * 7919) % 10_007, "timestamp": 0, "step": 1, "is_nan": False, "run_uuid": id_}
                for i, id_ in enumerate(ids)
            ],
        )
    order = [f"metrics.{KEY} ASC"]
    return timed(lambda: len(store.search_runs(["0"], "", ViewType.ACTIVE_ONLY, PAGE, order)))


def timed(work: Callable[[], int]) -> Round:
    def one_round() -> tuple[float, dict[str, float]]:
        began = time.perf_counter()
        number = work()
        return (time.perf_counter() - began) * 1000, {"items": number}

    one_round()
    return one_round


if __name__ == "__main__":
    serve(prepare)
