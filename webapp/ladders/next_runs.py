"""What to run next: the experiments that narrow the wanted loss most for their money."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from economics.errors import EconomicsError
from economics.scaling import FittedLaw, Points, predict_loss
from economics.verbs.fit import next_experiments
from webapp.ladders.models import Ladder
from webapp.ladders.prices import Hardware

NUM_SHOWN = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class NextRuns:
    """The best experiments, each weighed after those before it."""

    experiments: list[dict[str, Any]]
    target: tuple[float, float]
    """Parameters and tokens of the run whose loss is wanted."""

    loss: dict[str, float]
    """What is known of it now."""

    ratio: float
    """Its compute over the largest rung's."""


def next_runs(ladder: Ladder, fitted: FittedLaw, points: Points, hardware: Hardware | None) -> NextRuns | None:
    """Return what to run next; None where no run is wanted, none can be made, or none can be priced."""
    if not ladder.target_params or not ladder.target_tokens or hardware is None or ladder.dataset_version is None:
        return None
    target = (ladder.target_params, ladder.target_tokens)
    try:
        found = next_experiments(fitted, points, target, hardware.usd_per_flop)[:NUM_SHOWN]
        wanted = predict_loss(fitted, *target)
    except EconomicsError:
        return None
    for each in found:
        each["narrower"] = 1 - each["remaining_width_fraction"]
    return NextRuns(experiments=found, target=target, loss=wanted.loss.to_dict(), ratio=wanted.compute_ratio)
