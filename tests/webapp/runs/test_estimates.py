"""What a run is expected to take, on whose machine."""

from __future__ import annotations

import pytest

from tests.factories import Cast
from tests.webapp.runs.rows import make_spec, make_version
from webapp.jobs.models import Worker
from webapp.runs.estimates import estimate, memory_of

pytestmark = pytest.mark.django_db


def test_memory_is_the_devices_where_it_has_its_own() -> None:
    hardware = {"memory_bytes": 64e9, "devices": [{"device": "cuda:0", "name": "A", "memory_bytes": 24e9}]}
    assert memory_of(Worker(name="a", device="cuda:0", hardware=hardware)) == 24e9
    assert memory_of(Worker(name="b", device="cpu", hardware=hardware)) == 64e9
    assert memory_of(Worker(name="c", device="cpu", hardware={})) is None


def test_parts_of_memory_add_up_and_time_is_unknown_before_a_calibration(cast: Cast) -> None:
    version = make_version(cast)
    spec = make_spec(version, num_steps=100)
    found = estimate(spec, version)
    assert found.memory_bytes == pytest.approx(sum(found.memory_by_part.values()))
    assert found.num_tokens == 100 * 32 * 128
    assert found.epochs == pytest.approx(found.num_tokens / 1_000_000)
    assert found.flop == pytest.approx(found.flop_per_token * found.num_tokens)  # type: ignore[operator]
    assert found.seconds is None
    assert found.usd is None
