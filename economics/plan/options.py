r"""Options side by side: pre-train, continue, fine-tune, adapt, distil, buy an API, wait.

Each option is what it costs to have a capability for a horizon: once (training, teacher's tokens), then each month
(serving by the staircase of replicas, or the API's price per token). All draw on the *same* random numbers: the same
price of a device-hour, the same volume, the same efficiency, so that what is common to two options cancels in their
difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from economics.errors import InputError

Floats = NDArray[np.float64]
Kind = Literal["pretrain", "continue", "fine-tune", "lora", "distil", "api", "wait"]
HOURS_PER_MONTH = 730.5
SECONDS_PER_MONTH = HOURS_PER_MONTH * 3600

FLOP_PER_PARAM_TOKEN: dict[str, float] = {
    "pretrain": 6.0,
    "continue": 6.0,
    "fine-tune": 6.0,
    "lora": 4.3,
    "distil": 6.0,
}
"""Training FLOP per parameter and token. An adapter's frozen weights need no gradient of their own: two for the
forward pass, two for the gradient through them, and a little for the adapter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One way to get the capability."""

    name: str
    """As shown."""

    kind: Kind
    """pretrain, continue, fine-tune, lora, distil, api or wait."""

    num_params: float = 0.0
    """Size of the model trained and served."""

    num_tokens: float = 0.0
    """Training tokens."""

    teacher_params: float = 0.0
    """For distil: size of the teacher that writes or scores the training tokens."""

    fixed_usd: float = 0.0
    """Spent once besides compute: data, labels, people."""

    ablations: bool = True
    """Whether the multiplier for ablations and failed runs applies (it does not to a single fine-tune)."""

    usd_per_million_input_tokens: float = 0.0
    """For api."""

    usd_per_million_output_tokens: float = 0.0
    """For api."""

    months: float = 0.0
    """For wait: months until the work begins; the other costs are those of training then."""

    usd_per_month_waiting: float = 0.0
    """For wait: what a month without the capability costs."""

    def __post_init__(self) -> None:
        needs: dict[str, tuple[str, ...]] = {
            "api": ("usd_per_million_output_tokens",),
            "wait": ("months", "num_params", "num_tokens"),
            "distil": ("num_params", "num_tokens", "teacher_params"),
        }
        for field in needs.get(self.kind, ("num_params", "num_tokens")):
            if not getattr(self, field) > 0:
                raise InputError(f"{field} of option {self.name}", getattr(self, field), f"positive for {self.kind}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What has to be served, and for how long."""

    input_tokens_per_month: float = 0.0
    """Tokens read in the first month."""

    output_tokens_per_month: float = 0.0
    """Tokens written in the first month."""

    growth_per_month: float = 0.0
    """Growth of both, 0.05 is five per cent a month."""

    months: int = 24
    """Horizon."""

    peak_over_mean: float = 3.0
    """Load of the busiest hour over the mean: replicas are paid for by the peak."""

    least_replicas: int = 2
    """Replicas kept for availability."""

    discount_per_year: float = 0.15
    """Yearly rate at which later money counts less."""

    def __post_init__(self) -> None:
        if self.months < 1:
            raise InputError("months", self.months, "at least 1")
        if self.input_tokens_per_month < 0 or self.output_tokens_per_month < 0:
            raise InputError("tokens_per_month", "negative", "at least 0")


INPUTS = (
    "usd_per_accelerator_hour",
    "training_flop_per_second",
    "decode_flop_per_second",
    "prefill_flop_per_second",
    "accelerators_per_replica",
    "ablation_multiplier",
    "volume_factor",
    "api_price_factor",
    "rent_decline_per_year",
    "algorithms_halving_months",
)
"""Names of the joint draws that every option reads."""


def option_cost(option: Option, demand: Demand, draws: Mapping[str, Floats]) -> Floats:
    """Present value of an option over the horizon, one figure for each joint draw.

    Parameters
    ----------
    draws : an array for each name in `INPUTS`; `training_flop_per_second` is useful model FLOP per device, goodput
        included; `prefill_` and `decode_flop_per_second` likewise at serving's utilisation

    >>> one = {name: np.ones(1) for name in INPUTS} | {"training_flop_per_second": np.array([4e14])}
    >>> tune = Option(name="tune", kind="fine-tune", num_params=8e9, num_tokens=1e9, ablations=False)
    >>> round(float(option_cost(tune, Demand(least_replicas=0), one)[0]), 2)        # 6 N D / speed, a dollar an hour
    33.33
    """
    if missing := [name for name in INPUTS if name not in draws]:
        raise InputError("draws", missing, "given too")
    if option.kind == "api":
        return _api_usd(option, demand, draws)
    delay = option.months if option.kind == "wait" else 0.0
    training = _training_usd(option, draws, delay)
    serving = _serving_usd(option, demand, draws, delay)
    waiting = option.usd_per_month_waiting * delay
    return training + serving + option.fixed_usd + waiting


def _training_usd(option: Option, draws: Mapping[str, Floats], delay: float) -> Floats:
    """Compute spent once: cheaper later by the fall of rents and, in compute, by better algorithms."""
    per_token = FLOP_PER_PARAM_TOKEN.get(option.kind, 6.0)
    flop = per_token * option.num_params * option.num_tokens
    usd_per_second = draws["usd_per_accelerator_hour"] / 3600
    usd = flop / draws["training_flop_per_second"] * usd_per_second
    if option.ablations:
        usd = usd * draws["ablation_multiplier"]
    if option.teacher_params:
        # the teacher writes the tokens, at decode's speed, or scores them; writing is the dearer and assumed
        usd = usd + 2 * option.teacher_params * option.num_tokens / draws["decode_flop_per_second"] * usd_per_second
    if delay:
        cheaper = (1 - draws["rent_decline_per_year"]) ** (delay / 12)
        usd = usd * cheaper * 0.5 ** (delay / draws["algorithms_halving_months"])
    return np.asarray(usd)


def _months(demand: Demand, draws: Mapping[str, Floats], delay: float) -> tuple[Floats, Floats, Floats]:
    """Growth of volume, fall of prices and discount, by month: (months,), (draws, months), (months,)."""
    month = np.arange(demand.months, dtype=float)
    growth = (1 + demand.growth_per_month) ** month
    decline = (1 - draws["rent_decline_per_year"])[:, None] ** (month / 12)
    discount = (1 + demand.discount_per_year) ** (-(month + 0.5) / 12)
    return growth, decline, np.where(month >= delay, discount, 0.0)


def _serving_usd(option: Option, demand: Demand, draws: Mapping[str, Floats], delay: float) -> Floats:
    """Replicas by the month's peak, each rented for the whole month, never fewer than the floor."""
    growth, decline, discount = _months(demand, draws, delay)
    flop = 2 * option.num_params * draws["volume_factor"]
    seconds = (
        flop * demand.input_tokens_per_month / draws["prefill_flop_per_second"]
        + flop * demand.output_tokens_per_month / draws["decode_flop_per_second"]
    )
    per_replica = np.maximum(draws["accelerators_per_replica"], 1.0)
    busy = (seconds / per_replica / SECONDS_PER_MONTH * demand.peak_over_mean)[:, None] * growth
    replicas = np.maximum(np.ceil(busy - 1e-9), demand.least_replicas)
    usd = replicas * (per_replica * draws["usd_per_accelerator_hour"] * HOURS_PER_MONTH)[:, None] * decline
    return np.asarray(usd @ discount)


def _api_usd(option: Option, demand: Demand, draws: Mapping[str, Floats]) -> Floats:
    """Tokens at the API's price, which falls like rents do."""
    growth, decline, discount = _months(demand, draws, 0.0)
    usd = (
        demand.input_tokens_per_month * option.usd_per_million_input_tokens
        + demand.output_tokens_per_month * option.usd_per_million_output_tokens
    ) / 1e6
    scale = usd * draws["volume_factor"] * draws["api_price_factor"]
    return np.asarray(((scale[:, None] * decline * growth) @ discount) + option.fixed_usd)
