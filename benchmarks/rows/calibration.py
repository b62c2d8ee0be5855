"""How near quotes come: calibrate this machine, then run sixteen shapes that it never ran, each against its quote.

The calibration times the presets of fourteen of them, in batches and on data of its own; of two it knows the family alone.

The value of a shape is how far the time that it took was off the likely one, either way, in %; start-up is stated apart
(quoted and taken) and counts on neither side. The last lines are the median and the ninth decile over the shapes.
"""

from __future__ import annotations

import json
import time
from statistics import median
from typing import Any

import msgspec
import numpy as np

from benchmarks.frame.compare import RUN, options, rounded
from benchmarks.frame.lines import Line, append
from benchmarks.frame.machine import OthersShare, commit, machine_name
from tests.stack.installation import Installation

SEED = "from benchmarks.ours.quoted_runs import *; "
FINAL = ("succeeded", "failed", "stopped", "cancelled")
POLL_SECONDS = 0.5
AIM_MEDIAN_PERCENT, AIM_P90_PERCENT = 10.0, 25.0
SHAPE_OF_ALL = "over the shapes"


def told(stack: Installation, call: str) -> Any:
    return json.loads(stack.manage("shell", "-c", f"{SEED}tell({call})").rpartition("@@")[2])


def states(stack: Installation, codes: list[str]) -> dict[str, str]:
    return dict(stack.query("SELECT code, state FROM jobs_job WHERE code = ANY(%s)", codes))


def followed(stack: Installation, codes: list[str]) -> dict[str, float]:
    """Wait until all jobs are over; return which share of the processor others took while each ran."""
    shares, share, at_work = {}, OthersShare(), ""
    while True:
        found = states(stack, codes)
        running = next((code for code in codes if found[code] not in ("queued", *FINAL)), "")
        if running != at_work:
            if at_work:
                shares[at_work] = share.read()
            at_work, share = running, OthersShare()
        if all(state in FINAL for state in found.values()):
            return shares
        time.sleep(POLL_SECONDS)


def line_of(shape: str, found: dict[str, Any], others: float) -> Line:
    quoted, took = found["quoted"]["p50"] - found["quoted_start"], found["took"] - found["took_start"]
    return line(
        shape, 100 * abs(took / quoted - 1), others=others,
        facts={
            "took_over_quoted": rounded(took / quoted), "quoted_seconds": rounded(quoted), "took_seconds": rounded(took),
            "quoted_start_seconds": rounded(found["quoted_start"]), "took_start_seconds": rounded(found["took_start"]),
            "steps": found["steps"],
            "took_over_quoted_step": rounded(found["took_step"] / found["quoted_step"]),
            "is_inside": str(found["quoted"]["p10"] <= found["took"] <= found["quoted"]["p90"]),
        },
    )  # fmt: skip


def line(
    shape: str, value: float, *, others: float, contender: str = "isocost", target: float | None = None, **more: Any
) -> Line:
    return Line(
        bench="calibration", contender=contender, shape=shape, value=rounded(value), unit="% off", spread=0.0, num_rounds=1,
        cpu_share_of_others=round(others, 3), target=target, run=RUN, machine=machine_name(), commit=commit(), **more,
    )  # fmt: skip


def measured(seconds: float, run_seconds: float, only: str) -> list[Line]:
    stack = Installation(environment={"ISOCOST_DEMO": "0"})
    try:
        stack.start()
        told(stack, "make_data()")
        code = told(stack, f"calibrate({seconds})")
        followed(stack, [code])
        if (state := states(stack, [code])[code]) != FINAL[0]:
            raise RuntimeError(f"the calibration {state}")
        codes = told(stack, f"start_runs({run_seconds}, {only!r})")
        shares = followed(stack, list(codes.values()))
        ends = {shape: told(stack, f"found({code!r})") for shape, code in codes.items()}
        failed = [
            f"{shape}: {end['reason']}" for shape, end in ends.items() if "took" not in end or end["state"] != FINAL[0]
        ]
        if failed:
            raise RuntimeError("; ".join(failed))
        return [line_of(shape, end, shares.get(codes[shape], 0.0)) for shape, end in ends.items()]
    finally:
        stack.remove()


def summary(lines: list[Line]) -> list[Line]:
    values, others = [each.value for each in lines], median(each.cpu_share_of_others for each in lines)
    return [
        line(SHAPE_OF_ALL, median(values), others=others, contender="median", target=AIM_MEDIAN_PERCENT),
        line(SHAPE_OF_ALL, float(np.quantile(values, 0.9)), others=others, contender="p90", target=AIM_P90_PERCENT),
    ]


def main() -> None:
    chosen = options(
        __doc__, seconds=(45.0, "of the calibration"), run_seconds=(13.0, "that each run is quoted")
    )  # fmt: skip
    lines = measured(chosen.seconds, chosen.run_seconds, chosen.only)
    lines += summary(lines)
    for each in lines:
        print(msgspec.json.encode(each).decode(), flush=True)
    if not chosen.dry:
        append(lines)


if __name__ == "__main__":
    main()
