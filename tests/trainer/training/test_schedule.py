"""The learning rate over a run, at its corners and against closed forms."""

from __future__ import annotations

import math

import pytest

from trainer.sections import ScheduleSpec
from trainer.training.schedule import rate_fraction


def rates(**fields: object) -> list[float]:
    schedule = ScheduleSpec(**fields)  # type: ignore[arg-type]
    return [rate_fraction(step, schedule) for step in range(1, schedule.num_steps + 1)]


def test_warm_up_rises_in_a_straight_line_to_the_peak() -> None:
    assert rates(num_steps=100, warmup_steps=4)[:4] == [0.25, 0.5, 0.75, 1.0]


def test_cosine_falls_to_its_final_fraction() -> None:
    found = rates(num_steps=110, warmup_steps=10, final_fraction=0.1)
    assert found[59] == pytest.approx(0.1 + 0.9 * (1 + math.cos(math.pi / 2)) / 2)
    assert found[-1] == pytest.approx(0.1)
    assert found[10:] == sorted(found[10:], reverse=True)


def test_wsd_stays_and_then_falls_in_a_straight_line() -> None:
    found = rates(num_steps=100, warmup_steps=10, decay="wsd", cooldown_fraction=0.2, final_fraction=0.0)
    assert found[9:80] == [1.0] * 71
    assert found[89] == pytest.approx(0.5)
    assert found[-1] == 0.0


def test_constant_stays() -> None:
    assert rates(num_steps=20, warmup_steps=0, decay="constant") == [1.0] * 20


@pytest.mark.parametrize("decay", ["cosine", "wsd", "constant"])
def test_a_warm_up_longer_than_the_run_never_leaves_it(decay: str) -> None:
    found = rates(num_steps=5, warmup_steps=10, decay=decay)
    assert found == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
