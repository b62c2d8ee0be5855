"""A run is profiled by a button: the job that it makes, what its result shows, and the trace to download."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from tests.factories import Cast, make_checkpoint, make_ended_job, make_run
from webapp.jobs.models import Job, JobEvent
from webapp.runs.profiles import parts_of, roofline, shares_of

RESULT = {
    "seconds_per_step": 0.25,
    "seconds_by_part": {"matrix products": 0.15, "attention": 0.05, "memory": 0.05, "sync": 0.0},
    "operations": [{"name": "aten::mm", "seconds": 0.15}],
    "flop_per_second": 5e11,
    "peak_flop_per_second": 1e12,
    "peak_fraction": 0.5,
    "memory_bytes_per_second": 2e10,
    "under_the_roof": [
        {"name": "aten::mm", "shapes": "8·8 × 8·8", "seconds": 0.1, "flop_per_byte": 100.0, "flop_per_second": 6e11},
        {"name": "aten::mul", "shapes": "8·8", "seconds": 0.01, "flop_per_byte": 0.25, "flop_per_second": 3e9},
    ],
}


def profiled(cast: Cast, files: Path) -> tuple[Any, Job]:
    run = make_run(cast, name="otter 水獭")
    job = make_ended_job(cast, kind="profile", spec={"kind": "profile", "run": run.code})
    (job.folder.path / "artifacts").mkdir(parents=True)
    (job.folder.path / "artifacts" / "trace.json.gz").write_bytes(b"traced")
    for number, (type_, payload) in enumerate(
        [("artifact", {"name": "trace", "path": "artifacts/trace.json.gz"}), ("finished", {"result": RESULT})], start=1
    ):
        JobEvent.objects.create(
            job=job, seq=number, fence=1, line=number, type=type_, payload=payload, at=timezone.now()
        )
    return run, job


@pytest.mark.django_db
def test_the_button_makes_a_job_from_the_newest_checkpoint(cast: Cast) -> None:
    checkpoint = make_checkpoint(cast)
    run, client = checkpoint.run, cast.client(cast.bob)
    page = client.get(run.get_absolute_url() + "?tab=system").content.decode()
    assert "Profile 20 steps" in page
    assert "Not profiled yet" in page
    answer = client.post(reverse("run-profile", args=[run.code]))
    assert answer.status_code == 302
    job = Job.objects.get(kind="profile")
    assert job.spec["checkpoint"] == str(checkpoint.path)
    assert job.spec["num_steps"] == 20
    assert job.title in client.get(answer.url).content.decode()


@pytest.mark.django_db
def test_a_run_without_a_checkpoint_says_so(cast: Cast) -> None:
    run, client = make_run(cast), cast.client(cast.bob)
    page = client.post(reverse("run-profile", args=[run.code]), follow=True).content.decode()
    assert "This run has no checkpoint yet" in page
    assert not Job.objects.filter(kind="profile").exists()


@pytest.mark.django_db
def test_the_page_shows_the_parts_and_the_trace_can_be_downloaded(cast: Cast, tmp_path: Path, settings: Any) -> None:
    settings.ISOCOST_FILES = tmp_path
    run, _ = profiled(cast, tmp_path)
    page = cast.client(cast.vera).get(run.get_absolute_url() + "?tab=system").content.decode()
    assert "50%" in page.replace(" ", "").replace("\u202f", "").replace("\xa0", "")
    assert page.index("matrix products") < page.index("attention")
    assert 'id="roofline"' in page
    assert "Profile 20 steps" not in page, "a viewer may look, not start"
    answer = cast.client(cast.vera).get(reverse("run-profile-trace", args=[run.code]))
    assert b"".join(answer) == b"traced"
    assert cast.client(cast.charlie).get(reverse("run-profile-trace", args=[run.code])).status_code == 404


def test_shares_are_of_all_parts() -> None:
    parts = parts_of(RESULT)
    assert parts[0].title == "matrix products"
    assert parts[0].fraction == pytest.approx(0.6)
    assert parts_of({}) == []
    assert shares_of(RESULT) == [("computing", 0.8), ("memory", 0.2), ("data", 0.0), ("waiting", 0.0)]
    assert shares_of({}) == []


def test_the_roof_rises_with_memory_and_is_flat_from_where_arithmetic_binds() -> None:
    chart = roofline(RESULT)
    assert chart
    roof, operations, whole = (each["values"] for each in chart["series"])
    placed = dict(zip(chart["x"]["values"], zip(roof, operations, whole, strict=True), strict=True))
    assert placed[0.125] == (0.125 * 20, None, 500)
    assert placed[50.0][0] == 1_000, "the ridge: 1e12 FLOP/s over 2e10 bytes/s"
    assert placed[200.0] == (1_000, None, 500)
    assert placed[100.0] == (None, 600, None)
    assert roofline({}) is None
