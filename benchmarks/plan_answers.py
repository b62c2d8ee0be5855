"""How soon a plan answers while a slider moves, and in full: `python benchmarks/plan_answers.py`. Targets: 150 ms, seconds."""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
import statistics
import time

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
django.setup()

from economics.catalogue.prices import typical_price  # noqa: E402
from webapp.planning.answer import full_answer, quick_answer  # noqa: E402
from webapp.planning.board_plan import decision_board, plan_board  # noqa: E402
from webapp.planning.charts import plan_charts  # noqa: E402
from webapp.planning.inputs import PlanInputs  # noqa: E402
from webapp.planning.prices import price_about  # noqa: E402
from webapp.planning.sources import LawUsed, _published  # noqa: E402

TARGET_SECONDS = 0.15


def main() -> None:
    """Time forty moves of the budget's slider, with everything that the page is sent, then one full answer."""
    inputs, day = PlanInputs(), dt.date(2026, 11, 23)
    law = LawUsed(fitted=_published("besiroglu-2024"), label="besiroglu-2024", is_own=False, stored=None)
    typical = typical_price(inputs.accelerator, today=day)
    assert typical is not None
    price = price_about(typical.usd_per_accelerator_hour, typical.spread, typical.note)
    quick_answer(inputs, law, price)  # speeds of the hardware are worked out once a process
    took, worked = [], []
    for step in range(40):
        moved = dataclasses.replace(inputs, budget_usd=60_000.0 * 1.03**step)
        began, cpu_began = time.perf_counter(), time.process_time()
        found = quick_answer(moved, law, price)
        plan_charts(moved, found), plan_board(moved, found), decision_board(moved, found)
        took.append(time.perf_counter() - began)
        worked.append(time.process_time() - cpu_began)
    took.sort()
    began = time.perf_counter()
    full_answer(inputs, law, price, day, {})
    full = time.perf_counter() - began
    print(f"target: {1e3 * TARGET_SECONDS:.0f} ms")
    print(f"quick, by the clock: median {1e3 * statistics.median(took):.0f} ms, p90 {1e3 * took[35]:.0f} ms")
    print(f"quick, processor time alone: median {1e3 * statistics.median(worked):.0f} ms")
    print(f"full: {full:.1f} s")


if __name__ == "__main__":
    main()
