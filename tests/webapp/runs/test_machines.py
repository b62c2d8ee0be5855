"""What is told from a calibration: the rate of the shape nearest in size, never a guess."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from tests.factories import Cast, make_ended_job
from webapp.jobs.models import JobEvent
from webapp.runs.machines import flop_per_second


def measured(cast: Cast, result: dict[str, Any]) -> None:
    job = make_ended_job(cast, kind="calibrate")
    payload = {"type": "finished", "result": result}
    JobEvent.objects.create(job=job, seq=1, fence=1, line=1, at=timezone.now(), type="finished", payload=payload)


def shape(flop_per_token: float, rate: float) -> dict[str, float]:
    return {
        "sequence_length": 10, "sequences_per_step": 2, "counted_flop_per_step": flop_per_token * 20, "flop_per_second": rate,
    }  # fmt: skip


def test_unmeasured_machine_is_unknown(db: None) -> None:
    assert flop_per_second(None) is None
    assert flop_per_second(None, flop_per_token=1e6) is None


def test_rate_lies_between_the_shapes_around_and_is_the_nearest_beyond(cast: Cast) -> None:
    measured(cast, {"training_flop_per_second": 4e10, "steps": [shape(1e6, 1e10), shape(1e8, 4e10)]})
    assert flop_per_second(None) == 4e10
    assert flop_per_second(None, flop_per_token=1e6) == pytest.approx(1e10)
    assert flop_per_second(None, flop_per_token=1e7) == pytest.approx(2e10)
    assert flop_per_second(None, flop_per_token=1e3) == pytest.approx(1e10)
    assert flop_per_second(None, flop_per_token=1e12) == pytest.approx(4e10)


def test_without_shapes_the_whole_rate_is_taken(cast: Cast) -> None:
    measured(cast, {"training_flop_per_second": 3e10})
    assert flop_per_second(None, flop_per_token=1e6) == 3e10
