"""Rows that tests of quotes begin with: a worker on a machine that measured itself, and a job that ended."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from tests.factories import Cast
from webapp.costs.models import Machine
from webapp.costs.services import ledger_write, machine_ensure
from webapp.jobs.models import Attempt, Job, State, Worker
from webapp.quotes.services import quote_ended

CALIBRATION: dict[str, Any] = {
    "device": "cpu",
    "num_threads": 2,
    "memory_bytes": 25e9,
    "matmul_flop_per_second": 9e10,
    "matmul_flop_per_second_by_dtype": {"float32": 9e10},
    "memory_bytes_per_second": 1.2e10,
    "disk_write_bytes_per_second": 1.6e8,
    "training_flop_per_second": 6.8e10,
    "steps": [
        {"family": "gpt", "preset": preset, "vocab_size": 4096, "sequence_length": length, "sequences_per_step": batch,
         "dtype": "float32", "seconds_per_step": seconds, "counted_flop_per_step": flop, "flop_per_second": flop / seconds}
        for preset, length, batch, seconds, flop in (
            ("nano", 128, 8, 0.11, 4.907e9), ("micro", 256, 4, 0.22, 1.384e10), ("mini", 256, 4, 0.55, 4.087e10))
    ],
}  # fmt: skip
"""What a processor of two cores said of itself."""


def make_worker(*, calibration: dict[str, Any] | None = None, host: str = "here") -> Worker:
    """Return a worker of the cpu queue; its machine was measured where a calibration is given."""
    hardware = {"processor": "Xeon", "num_cores": 2, "memory_bytes": 25e9}
    worker = Worker.objects.create(name=f"{host}/cpu/1", host=host, queue="cpu", hardware=hardware)
    machine = machine_ensure(worker=worker)
    Machine.objects.filter(pk=machine.pk).update(hardware={**hardware, "calibration": calibration or {}})
    return worker


def end_job(cast: Cast, job: Job, worker: Worker, *, seconds: float, state: State = State.SUCCEEDED) -> Attempt:
    """Let a job have run for so long and ended: its attempt, its ledger entry, its quote's outcome."""
    now = timezone.now()
    Job.objects.filter(pk=job.pk).update(state=state, ended_at=now, fence=1)
    job.refresh_from_db()
    attempt = Attempt.objects.create(
        job=job, fence=1, worker=worker, started_at=now - timedelta(seconds=seconds), ended_at=now, outcome=state
    )
    ledger_write(attempt)
    quote_ended(attempt)
    return attempt
