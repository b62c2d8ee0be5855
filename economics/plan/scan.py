"""Scan all mixes: sizes x tokens x offers x counts, as arrays; hundreds of thousands a second on one core."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from economics.errors import InputError, NoAnswerError
from economics.plan.hardware import HardwareOffer
from economics.scaling.data_constrained import fed_params, saturated
from economics.scaling.laws import LossLaw

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a plan may not exceed; infinity is no limit."""

    budget_usd: float = np.inf
    """Training money, ablations and failed runs included."""

    deadline_seconds: float = np.inf
    """Wall time of the final run."""

    unique_tokens: float = np.inf
    """Different tokens at hand: beyond them tokens repeat."""

    most_epochs: float = 16.0
    """Repeats beyond which the law of repeated data is not trusted."""

    most_accelerators: float = np.inf
    """Devices at once."""

    serving_memory_bytes: float = np.inf
    """Memory the weights must fit into when served."""

    serving_bytes_per_param: float = 2.0
    """Bytes of one served weight: 2 in bf16, 1 in fp8, 0.625 in int4 with scales."""

    least_tokens_per_param: float = 0.0
    """Over-train at least so far."""

    loss: float = np.inf
    """Loss to reach."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingCost:
    """What a plan adds for serving the model: linear in its size."""

    usd_per_param: float = 0.0
    """Cost over the horizon per active parameter served: 2 x tokens x price of a FLOP at serving's efficiency."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scan:
    """Every configuration looked at, as flat arrays of equal length."""

    num_params: Floats
    """Sizes."""

    num_tokens: Floats
    """Tokens seen."""

    offer: NDArray[np.int64]
    """Index of the offer."""

    count: Floats
    """Devices."""

    loss: Floats
    """Central loss."""

    training_usd: Floats
    """Training with its multiplier."""

    serving_usd: Floats
    """Serving over the horizon."""

    wall_seconds: Floats
    """Time of the final run; nan where it does not fit."""

    feasible: Bools
    """Within all limits."""

    broken: dict[str, Bools]
    """For each limit, which configurations break it."""

    @property
    def num_configurations(self) -> int:
        """Configurations looked at."""
        return int(self.loss.size)

    @property
    def total_usd(self) -> Floats:
        """Training and serving."""
        return np.asarray(self.training_usd + self.serving_usd)


def plan_scan(
    law: LossLaw,
    offers: Sequence[HardwareOffer],
    limits: Limits,
    *,
    sizes: Floats,
    tokens: Floats,
    multiplier: float = 1.0,
    serving: ServingCost | None = None,
    repeats: tuple[float, float] = (15.387756, 5.309743),
) -> Scan:
    """Cost, time and loss of every size x tokens x offer x count.

    Parameters
    ----------
    law : of loss on fresh data
    offers : hardware by term; each brings its counts and speeds
    limits : what must hold
    sizes, tokens : grids; 200 of each with ten counts are 400,000 configurations an offer
    multiplier : all compute of the project over its final run (ablations, failures); money only, not time
    repeats : R_D* and R_N* of the law of repeated data, used where `limits.unique_tokens` binds

    >>> from economics.scaling.published import published_law
    >>> offer = HardwareOffer(name="x", usd_per_accelerator_hour=2.0, counts=(8, 64), peak_flop_per_second=1e15,
    ...                       memory_bytes=8e10)
    >>> found = plan_scan(published_law(), [offer], Limits(budget_usd=1e5), sizes=np.geomspace(1e9, 1e11, 50),
    ...                   tokens=np.geomspace(1e10, 1e13, 50))
    >>> found.num_configurations, float(found.training_usd[found.feasible].max()) <= 1e5
    (5000, True)
    """
    if not offers:
        raise InputError("hardware", "none", "at least one offer")
    loss = loss_grid(law, sizes, tokens, limits.unique_tokens, repeats)
    flop = law.conventions.flop_per_param_token * sizes[:, None] * tokens[None, :]
    served = (serving.usd_per_param if serving else 0.0) * sizes
    parts: list[dict[str, Floats]] = []
    for index, offer in enumerate(offers):
        counts = np.array([c for c in offer.counts if c <= limits.most_accelerators], dtype=float)
        speed = offer.speed(sizes[:, None], counts[None, :])  # (sizes, counts)
        seconds = flop[:, :, None] / (speed * counts)[:, None, :]
        usd = seconds * counts * (multiplier * offer.usd_per_accelerator_hour / 3600)
        shape = seconds.shape
        parts.append(
            {
                "num_params": np.broadcast_to(sizes[:, None, None], shape),
                "num_tokens": np.broadcast_to(tokens[None, :, None], shape),
                "offer": np.full(shape, index),
                "count": np.broadcast_to(counts, shape),
                "loss": np.broadcast_to(loss[:, :, None], shape),
                "training_usd": usd,
                "serving_usd": np.broadcast_to(served[:, None, None], shape),
                "wall_seconds": seconds,
            }
        )
    flat = {name: np.concatenate([part[name].ravel() for part in parts]) for name in parts[0]}
    if flat["loss"].size == 0:
        raise NoAnswerError(f"No offer has a count of at most {limits.most_accelerators:g} devices.")
    broken = _broken(flat, limits)
    feasible = ~np.any(list(broken.values()), axis=0)
    return Scan(**flat, feasible=feasible, broken=broken)  # type: ignore[arg-type]


def loss_grid(law: LossLaw, sizes: Floats, tokens: Floats, unique: float, repeats: tuple[float, float]) -> Floats:
    """Central loss over sizes x tokens, with repeats worth less where the data run out."""
    if not np.isfinite(unique):
        return law.loss(sizes[:, None], tokens[None, :])
    fresh = np.minimum(tokens, unique)
    effective_tokens = saturated(tokens, fresh, repeats[0])
    fed = np.minimum(sizes[:, None], fed_params(law, fresh)[None, :])
    repeated = tokens > unique
    effective_sizes = np.where(
        repeated[None, :], saturated(np.broadcast_to(sizes[:, None], fed.shape), fed, repeats[1]), sizes[:, None]
    )
    return law.loss(effective_sizes, effective_tokens[None, :])


def _broken(flat: dict[str, Floats], limits: Limits) -> dict[str, Bools]:
    """For each limit that is set, where it is broken."""
    broken = {"memory": np.isnan(flat["wall_seconds"])}
    checks: dict[str, tuple[float, Floats]] = {
        "budget_usd": (limits.budget_usd, flat["training_usd"]),
        "deadline_seconds": (limits.deadline_seconds, flat["wall_seconds"]),
        "unique_tokens": (limits.unique_tokens * limits.most_epochs, flat["num_tokens"]),
        "serving_memory_bytes": (limits.serving_memory_bytes, flat["num_params"] * limits.serving_bytes_per_param),
        "loss": (limits.loss, flat["loss"]),
    }
    for name, (limit, values) in checks.items():
        if np.isfinite(limit):
            broken[name] = ~(values <= limit)
    if limits.least_tokens_per_param > 0:
        broken["least_tokens_per_param"] = flat["num_tokens"] < limits.least_tokens_per_param * flat["num_params"]
    return broken
