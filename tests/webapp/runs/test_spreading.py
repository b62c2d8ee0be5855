"""A run on several devices: how many its quote chooses and why, and that a job of two really trains on two, then on one."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from tests.factories import Cast, make_team
from tests.trainer.conftest import make_documents, train_dict, write_version
from tests.webapp.jobs.rows import claim
from tests.webapp.quotes.rows import CALIBRATION, make_worker
from tests.webapp.runs.rows import make_spec, make_version
from trainer.data.shards import open_version
from trainer.families import get_family
from trainer.spec import TrainSpec, spec_from_dict
from webapp.costs.models import Machine
from webapp.costs.services import machine_ensure
from webapp.jobs.models import Attempt, Job, State, Worker
from webapp.jobs.services import job_cancel
from webapp.jobs.supervisor import Supervisor
from webapp.runs.estimates import Estimate, estimate
from webapp.runs.services import run_create

GPU = {
    **CALIBRATION, "device": "cuda:0", "matmul_flop_per_second": 2e14,
    "matmul_flop_per_second_by_dtype": {"float32": 2e13, "bfloat16": 2e14}, "memory_bytes_per_second": 1.5e12,
    "steps": [
        {**step, "dtype": "bfloat16", "sequences_per_step": 32 * step["sequences_per_step"],
         "seconds_per_step": step["seconds_per_step"] / 30}
        for step in CALIBRATION["steps"]
    ],
}  # fmt: skip


def gpu_workers(count: int, *, memory_bytes: float) -> list[Worker]:
    hardware = {"devices": [{"device": "cuda:0", "name": "A", "memory_bytes": memory_bytes}]}
    workers = [
        Worker.objects.create(name=f"gpu{n}@here", host="here", queue="gpu", device="cuda:0", hardware=hardware)
        for n in range(count)
    ]
    machine = machine_ensure(worker=workers[0])
    Machine.objects.filter(pk=machine.pk).update(hardware={**hardware, "calibration": GPU})
    return workers


def quoted(cast: Cast, preset: str, *, sequences: int = 64, **parallel: Any) -> Estimate:
    version = make_version(cast)
    spec = make_spec(version, num_steps=20_000)
    spec = replace(
        spec, model=get_family("gpt").presets[preset], batch=replace(spec.batch, sequences_per_step=sequences),
        parallel=replace(spec.parallel, **parallel),
    )  # fmt: skip
    return estimate(spec, version)


@pytest.mark.django_db
def test_the_quote_compares_numbers_of_devices_and_chooses_the_fastest_for_the_money(cast: Cast) -> None:
    gpu_workers(4, memory_bytes=24e9)
    large = quoted(cast, "small", sequences=512)
    assert [each.num_devices for each in large.spreads] == [1, 2, 4]
    seconds, usd = ([getattr(each, what).p50 for each in large.spreads] for what in ("seconds", "usd"))
    assert seconds[0] > seconds[1] > seconds[2]
    assert usd[0] < usd[1] < usd[2], "none scales perfectly"
    best = next(each for each in large.spreads if each.is_chosen)
    affordable = [each for each in large.spreads if each.usd and each.usd.p50 <= 1.25 * usd[0]]
    assert best.num_devices == affordable[-1].num_devices == large.num_devices > 1
    assert large.seconds == best.seconds.p50  # type: ignore[union-attr]
    assert quoted(cast, "small", sequences=6).spreads[-1].num_devices == 2, "six sequences do not divide among four"


@pytest.mark.django_db
def test_what_is_set_by_hand_stays_and_a_model_too_large_for_one_is_spread_in_parts(cast: Cast) -> None:
    gpu_workers(4, memory_bytes=24e9)
    by_hand = quoted(cast, "nano", sequences=66, processes=3)
    assert by_hand.num_devices == 3
    assert [each.num_devices for each in by_hand.spreads] == [1, 2, 3]
    states = sum(
        quoted(cast, "gpt2-medium", sequences=4).memory_by_part[part] for part in ("weights", "gradients", "optimizer")
    )
    Worker.objects.update(hardware={"devices": [{"device": "cuda:0", "name": "A", "memory_bytes": 0.9 * states}]})
    tight = quoted(cast, "gpt2-medium", sequences=4)
    assert not tight.spreads[0].fits
    chosen = next(each for each in tight.spreads if each.is_chosen)
    assert chosen.fits
    assert chosen.is_divided


@pytest.mark.django_db
def test_processes_of_a_processor_share_its_price_and_its_cores(cast: Cast) -> None:
    worker = make_worker(calibration=CALIBRATION)
    Worker.objects.filter(pk=worker.pk).update(hardware={**worker.hardware, "num_threads": 2})
    found = quoted(cast, "nano", sequences=32)
    assert [each.num_devices for each in found.spreads] == [1, 2]
    one, two = found.spreads
    (seconds, more_seconds), (usd, more_usd) = (
        [getattr(each, what).p50 for each in (one, two)] for what in ("seconds", "usd")
    )
    assert more_usd / usd == pytest.approx(more_seconds / seconds, rel=0.05)
    assert two.memory_bytes > one.memory_bytes  # type: ignore[operator]


@pytest.mark.django_db
def test_a_run_claims_what_its_quote_chose_and_its_own_spec_stays_open(cast: Cast) -> None:
    gpu_workers(2, memory_bytes=24e9)
    version = make_version(cast)
    spec = make_spec(version, num_steps=20_000)
    batch = replace(spec.batch, sequences_per_step=512)
    spec = replace(spec, model=get_family("gpt").presets["small"], batch=batch)
    run = run_create(project=cast.project, created_by=cast.alice, version=version, spec=spec)
    assert run.latest_job.num_devices == run.latest_job.spec["parallel"]["processes"] == 2
    assert run.spec["parallel"]["processes"] == "auto"


class Supervised:
    """The next attempt, by a worker."""

    def __init__(self, worker: Worker) -> None:
        self.leaving, self.claim = threading.Event(), claim(worker)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            Supervisor(self.claim, leaving=self.leaving).run()
        finally:
            connection.close()

    def wait_for(self, what: str) -> dict[str, Any]:
        """Return the first event of the attempt that is so."""
        deadline = time.monotonic() + 120
        events = Job.objects.get(pk=self.claim.job_id).events.filter(type=what, fence=self.claim.fence)
        while (found := events.first()) is None:
            assert self.thread.is_alive(), Job.objects.get(pk=self.claim.job_id).reason
            assert time.monotonic() < deadline, f"no event {what}"
            time.sleep(0.05)
        return dict(found.payload)


def run_on_two(cast: Cast, files: Path) -> Job:
    """A run of two devices that are processor cores, long enough to be met while it runs."""
    write_version(files / "version", make_documents(600))
    content_hash = open_version(files / "version").manifest.content_hash
    version = make_version(cast, stored_path="version", content_hash=content_hash)
    raw = train_dict(
        version.path, schedule={"num_steps": 100_000}, evaluation={"every_steps": 200_000, "sample_tokens": 0},
        checkpoint={"every_steps": 20}, machine={"device": "auto"}, parallel={"processes": 2},
    )  # fmt: skip
    spec: TrainSpec = spec_from_dict(raw)[1]
    return run_create(project=cast.project, created_by=cast.alice, version=version, spec=spec).latest_job


@pytest.mark.django_db(transaction=True)
def test_a_run_of_two_devices_goes_on_with_the_one_that_is_left(settings: Any, tmp_path: Path) -> None:
    cast = make_team()
    settings.ISOCOST_FILES, settings.ISOCOST_RENEW_SECONDS = tmp_path, 0.3
    settings.ISOCOST_LEASE_SECONDS = 600  # nobody keeps the workers' rows fresh here, however long all this takes
    first, second = (
        Worker.objects.create(name=f"gpu{n}@here", host="here", queue="gpu", device="cpu") for n in range(2)
    )
    job = run_on_two(cast, tmp_path)
    assert job.num_devices == 2
    attempt = Supervised(first)
    assert attempt.wait_for("resolved")["facts"]["parallel"]["processes"] == 2
    attempt.wait_for("checkpoint")
    attempt.leaving.set()
    attempt.thread.join(60)
    job.refresh_from_db()
    assert (job.state, Attempt.objects.get(job=job).outcome) == (State.QUEUED, "released")

    Worker.objects.filter(pk=second.pk).update(stopped_at=timezone.now())
    again = Supervised(first)
    assert (again.claim.fence, again.claim.num_devices) == (2, 1)
    assert again.wait_for("started")["resumed_from_step"] >= 20
    assert "parallel" not in again.wait_for("resolved")["facts"]
    job_cancel(job=job, by=None)
    again.thread.join(60)
    job.refresh_from_db()
    assert job.state == State.CANCELLED
