"""A sweep with its runs, as the database knows them."""

from __future__ import annotations

from typing import Any

import msgspec
from django.utils import timezone

from tests.factories import Cast
from tests.webapp.runs.rows import make_run, make_spec, make_version
from trainer.families import get_family
from trainer.spec import spec_to_dict
from trainer.sweep.space import read_setting
from webapp.sweeps.models import Sweep, Trial

RATES = (3e-4, 1e-3, 3e-3, 1e-2)


def make_sweep(cast: Cast, **changes: Any) -> Sweep:
    """Return a finished sweep of four rates, the third the best."""
    version = make_version(cast)
    space = [read_setting(get_family("gpt"), "optimizer.learning_rate", "3e-4 .. 1e-2 log")]
    values: dict[str, Any] = {
        "name": "rates", "family": "gpt", "spec": spec_to_dict("train", make_spec(version)), "method": "random",
        "space": msgspec.to_builtins(space), "metric": "validation/loss", "budget_hours": 1.0, "state": "done",
        "created_by": cast.bob, **changes,
    }  # fmt: skip
    sweep = Sweep.objects.create(project=cast.project, dataset_version=version, **values)
    for number, (rate, loss) in enumerate(zip(RATES, (3.0, 2.5, 2.2, 2.9), strict=True), start=1):
        Trial.objects.create(
            sweep=sweep, number=number, values={"optimizer.learning_rate": rate}, value=loss, usd=0.01 * number,
            seconds=20.0, ended_at=timezone.now(), run=make_run(cast, version=version, state="succeeded"),
        )  # fmt: skip
    return sweep
