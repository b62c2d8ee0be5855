"""Rows that tests of ladders begin with: a measured machine, a ladder with landed points, its fit and a sealed prediction."""

from __future__ import annotations

from typing import Any

import numpy as np
from django.utils import timezone

from economics.scaling.laws import LossLaw
from tests.factories import Cast
from tests.webapp.runs.rows import make_run as make_ready_run
from tests.webapp.runs.rows import make_version
from webapp.costs.services import machine_ensure
from webapp.datasets.models import DatasetVersion
from webapp.jobs.models import Worker
from webapp.ladders.fits import fit_refresh
from webapp.ladders.models import Ladder, LadderPoint, ScalingFit, SealedPrediction
from webapp.ladders.rungs import Common
from webapp.ladders.seals import seal_make

TRUTH = LossLaw(E=1.6, A=60.0, B=380.0, alpha=0.33, beta=0.36)
SIZES, TOKENS = (2e5, 5e5, 1.2e6), (5e6, 1e7, 2e7)


def measured_worker() -> Worker:
    """Return a worker on a machine that was calibrated: 40 GFLOP/s in training steps of every size."""
    worker = Worker.objects.create(name="cpu@here/cpu", host="here", queue="cpu", hardware={"num_cores": 2})
    machine = machine_ensure(worker=worker)
    steps = [
        {
            "preset": "nano", "sequence_length": 128, "sequences_per_step": 16, "dtype": "float32",
            "counted_flop_per_step": flop, "seconds_per_step": flop / 4e10, "flop_per_second": 4e10, "num_threads": 2,
            "family": "gpt", "vocab_size": 4096,
        }
        for flop in (1e9, 1e10)
    ]  # fmt: skip
    machine.hardware = {
        "calibration": {
            "device": "cpu", "num_threads": 2, "steps": steps, "training_flop_per_second": 4e10,
            "matmul_flop_per_second": 8e10, "memory_bytes_per_second": 1e10, "memory_bytes": 8e9,
            "disk_write_bytes_per_second": 2e8,
        }
    }  # fmt: skip
    machine.save()
    return worker


def common(cast: Cast, version: DatasetVersion | None = None) -> Common:
    return Common(version=version or make_version(cast, num_tokens=60_000_000, splits=splits()))


def splits() -> dict[str, Any]:
    return {
        "train": {"num_tokens": 50_000_000, "num_documents": 900, "num_bytes": 150_000_000},
        "validation": {"num_tokens": 50_000, "num_documents": 50, "num_bytes": 200_000},
        "test": {"num_tokens": 50_000, "num_documents": 50, "num_bytes": 200_000},
    }


def make_ladder(cast: Cast, *, landed: bool = True, noise: float = 0.003, **changes: Any) -> Ladder:
    """Return a finished ladder whose nine points follow a known law with some noise; a repeated one besides."""
    version = changes.pop("dataset_version", None) or make_version(cast, splits=splits())
    values = {"name": "ladder-1", "state": "done", "target_params": 3e6, "target_tokens": 6e7, **changes}
    ladder = Ladder.objects.create(project=cast.project, dataset_version=version, created_by=cast.bob, **values)
    rng = np.random.default_rng(4)
    grid = [(n, d, "trunk" if d == TOKENS[0] else "cooldown") for n in SIZES for d in TOKENS] + [
        (SIZES[1], TOKENS[0], "repeat")
    ]
    for position, (n, d, role) in enumerate(grid):
        loss = float(TRUTH.loss(n, d) * np.exp(noise * rng.standard_normal()))
        LadderPoint.objects.create(
            ladder=ladder, role=role, position=position, num_params=n, num_tokens=d, flop=6 * n * d,
            learning_rate=3e-3 * (1e6 / n) ** 0.25, num_params_in_matmuls=n, num_unique_tokens=d,
            loss=loss if landed else None, landed_at=timezone.now() if landed else None, seconds=20.0, usd=0.001,
            predicted={"seconds": {"p10": 18, "p50": 20, "p90": 23}},
        )  # fmt: skip
    return ladder


def make_fit(cast: Cast, ladder: Ladder | None = None) -> ScalingFit:
    fit = fit_refresh(ladder or make_ladder(cast))
    assert fit is not None
    return fit


def make_seal(cast: Cast) -> SealedPrediction:
    """Return the sealed prediction of a run on the data of a fitted ladder."""
    fit = make_fit(cast)
    run = make_ready_run(cast, version=fit.ladder.dataset_version)
    seal = SealedPrediction.objects.filter(run=run).first() or seal_make(run=run)
    assert seal is not None
    return seal
