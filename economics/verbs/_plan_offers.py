"""What a plan's hardware costs and does: price, speeds, layouts, the cost of serving, and what options draw on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from economics.catalogue.accelerators import find_accelerator
from economics.catalogue.prices import typical_price
from economics.errors import EconomicsError, InputError
from economics.plan import Chosen, Demand, HardwareOffer, Limits, ServingCost, SpeedTable
from economics.plan.hardware import PRICE_SPREAD, SPEED_SPREAD
from economics.plan.options import INPUTS
from economics.plan.rates import rate
from economics.plan.toml_file import known_keys
from economics.training.defaults import MOST_ACCELERATORS
from economics.uncertainty import (
    Distribution,
    JobObservation,
    LogNormal,
    RatioPrior,
    distribution_from_mapping,
    ratio_posterior,
)
from economics.units import positive, whole
from economics.verbs._options import assumption, today

DECODE_FRACTION, PREFILL_FRACTION = 0.057, 0.5
"""Useful share of the bf16 peak in decode and prefill, where the serving estimate cannot say: decode waits for memory."""

SERVED_BATCH = 32
"""Sequences decoded together where serving speeds are estimated."""

SERVED_PARAMS = 8e9
"""Size at which serving's speed is estimated; the cost of a token is near enough linear in size around it."""

RATIO_PRIOR = RatioPrior(spread=LogNormal(0.0, 0.15), noise_sigma=0.1)
"""Observed over predicted seconds before a team has run a job: teams differ by 15 %, jobs of one team by 10 %."""

SERVING_UTILISATION = 0.3
"""Share of the time that served devices are busy."""


def serving_cost(demand: Demand, offer: HardwareOffer) -> ServingCost:
    """Cost of serving a parameter over the horizon: each token costs 2 FLOP at the phase's efficiency."""
    growth = sum((1 + demand.growth_per_month) ** month for month in range(demand.months))
    decode, prefill = serving_flop(offer, SERVED_PARAMS)
    seconds = (2 * demand.input_tokens_per_month / prefill + 2 * demand.output_tokens_per_month / decode) * growth
    return ServingCost(usd_per_param=seconds / 3600 * offer.usd_per_accelerator_hour / SERVING_UTILISATION)


def option_inputs(
    offer: HardwareOffer, best: Chosen, multiplier: Distribution, given: Mapping[str, float | Distribution]
) -> dict[str, float | Distribution]:
    """What the options draw on: the plan's own hardware and speeds unless the file says otherwise."""
    decode, prefill = serving_flop(offer, SERVED_PARAMS)
    known: dict[str, float | Distribution] = {
        "usd_per_accelerator_hour": _scaled(offer.price_spread, offer.usd_per_accelerator_hour),
        "training_flop_per_second": _scaled(offer.speed_spread, float(offer.speed(best.num_params, best.count))),
        "decode_flop_per_second": _scaled(LogNormal(0.0, 0.3), decode),
        "prefill_flop_per_second": _scaled(LogNormal(0.0, 0.2), prefill),
        "accelerators_per_replica": 1.0,
        "ablation_multiplier": multiplier,
        "volume_factor": LogNormal(0.0, 0.4),
        "api_price_factor": LogNormal(0.0, 0.1),
        "rent_decline_per_year": min(rate("rent_decline_per_year").median, 0.9),
        "algorithms_halving_months": rate("algorithms_halving_months"),
    }
    if unknown := sorted(set(given) - set(INPUTS)):
        raise InputError(f"project.{unknown[0]}", given[unknown[0]], f"one of {', '.join(INPUTS)}")
    return known | dict(given)


def _scaled(spread: Distribution, centre: float) -> LogNormal:
    """A lognormal factor moved to a central value."""
    low, high = (float(x) for x in spread.ppf([0.1, 0.9]))
    return LogNormal.from_median(centre, p10=centre * min(low, 1.0), p90=centre * max(high, 1.0))


def layout_of(best: Mapping[str, Any], offer: HardwareOffer) -> dict[str, Any]:
    """Parallelism, memory and MFU of the chosen mix, by the full estimate of training."""
    from economics.verbs.training import training

    found = training(
        params=best["num_params"], tokens=best["num_tokens"], accelerator=offer.name,
        num_accelerators=best["num_accelerators"], price_usd_per_accelerator_hour=offer.usd_per_accelerator_hour,
    )  # fmt: skip
    kept = ("parallelism", "memory_bytes_per_accelerator", "mfu_fraction", "goodput_fraction", "fits", "energy_kwh")
    return {name: found[name] for name in kept}


@lru_cache(maxsize=1024)
def _layout_at(accelerator: str, num_params: float, num_accelerators: int) -> dict[str, Any]:
    """The layout that training a size on some devices takes; it does not depend on the tokens."""
    from economics.verbs.training import training

    found = training(
        params=num_params, tokens=20.0 * num_params, accelerator=accelerator, num_accelerators=num_accelerators,
        price_usd_per_accelerator_hour=1.0,
    )  # fmt: skip
    kept = ("parallelism", "micro_batch", "recompute", "fits")
    return {name: found[name] for name in kept} | {"mfu_fraction": found["mfu_fraction"]["p50"]}


def layouts_of(points: list[dict[str, Any]], offers: Mapping[str, HardwareOffer]) -> None:
    """Add to each point of a front how its training is laid out, where speeds were estimated."""
    for point in points:
        if offers[point["accelerator"]].table is not None:
            point |= _layout_at(point["accelerator"], point["num_params"], point["num_accelerators"])


@lru_cache(maxsize=256)
def serving_flop(offer: HardwareOffer, num_params: float) -> tuple[float, float]:
    """Useful FLOP per second and device in decode and prefill of a dense model, at a usual batch."""
    fallback = (DECODE_FRACTION * offer.peak_flop_per_second, PREFILL_FRACTION * offer.peak_flop_per_second)
    if offer.table is None:
        return fallback
    from economics.verbs.serving import serving

    devices = 1
    while 2 * num_params > 0.7 * offer.memory_bytes * devices and devices < 8:
        devices *= 2
    try:
        found = serving(
            params=num_params, accelerator=offer.name, num_accelerators=devices, batch=SERVED_BATCH, input_tokens=1024,
            output_tokens=256, price_usd_per_accelerator_hour=1.0,
        )  # fmt: skip
    except EconomicsError:
        return fallback
    decode = 2 * num_params * found["decode_tokens_per_second"]["p50"] / devices
    return decode, 2 * num_params * SERVED_BATCH * 1024 / found["prefill_seconds"]["p50"] / devices


def counts_from(value: Any) -> tuple[int, ...]:
    """Return the numbers of devices that are tried.

    >>> counts_from([8, "16"])
    (8, 16)
    """
    if not isinstance(value, list | tuple) or not value:
        raise InputError("hardware.counts", value, "a list of whole numbers such as [8, 16, 32]")
    return tuple(whole(count, field="hardware.counts", highest=MOST_ACCELERATORS) for count in value)


def offer_from(
    row: Mapping[str, Any], limits: Limits, notes: list[dict[str, Any]], jobs: list[JobObservation]
) -> HardwareOffer:
    """One [[hardware]] table with price, peak and speeds filled in from the catalogue and the training estimate."""
    allowed = (
        "accelerator", "counts", "price_usd_per_accelerator_hour", "term", "mfu_fraction", "preemptions_per_node_day",
    )  # fmt: skip
    known_keys(row, allowed, "hardware")
    if "accelerator" not in row:
        raise InputError("hardware.accelerator", None, "the name of an accelerator")
    device = find_accelerator(str(row["accelerator"]))
    counts = counts_from(row.get("counts", (8, 16, 32, 64, 128, 256)))
    spread: Distribution = PRICE_SPREAD
    if "price_usd_per_accelerator_hour" in row:
        quoted = distribution_from_mapping(
            "hardware.price_usd_per_accelerator_hour", row["price_usd_per_accelerator_hour"]
        )
        price = quoted.median
        low, high = (float(x) / price for x in quoted.ppf([0.1, 0.9]))
        spread = LogNormal.from_median(1.0, p10=min(low, 1.0), p90=max(high, 1.0))
    else:
        typical = typical_price(device.name, today=today(), term=str(row.get("term", "on-demand")))
        if typical is None:
            raise InputError(
                "hardware.price_usd_per_accelerator_hour", None, f"given: no price of {device.name} is known"
            )
        price, spread = typical.usd_per_accelerator_hour, LogNormal(0.0, typical.spread)
        notes.append(assumption(f"price of {device.name}", price, "USD / h", typical.note))
    table = None
    if "mfu_fraction" in row:
        share = positive(row["mfu_fraction"], field="hardware.mfu_fraction", kind="fraction")
    else:
        share, table = 0.4, _speed_table(device, counts, float(row.get("preemptions_per_node_day", 0.0)))
    slowdown, speed_spread = 1.0, SPEED_SPREAD
    if jobs:
        learned = ratio_posterior(RATIO_PRIOR, jobs, device=device.name)
        slowdown = learned.median
        low, high = (float(x) / slowdown for x in learned.ppf([0.1, 0.9]))
        speed_spread = LogNormal.from_median(1.0, p10=1 / high, p90=1 / low)
        why = f"posterior of {learned.effective_num_jobs:.3g} own jobs, unfinished ones as lower bounds"
        notes.append(assumption(f"observed / predicted time on {device.name}", slowdown, "ratio", why))
        share /= slowdown
        if table is not None:
            table = replace(table, flop_per_second=table.flop_per_second / slowdown)
    return HardwareOffer(
        name=device.name, usd_per_accelerator_hour=price, counts=counts, peak_flop_per_second=device.peak("bf16"),
        memory_bytes=device.memory_bytes, term=str(row.get("term", "on-demand")), mfu_fraction=share, table=table,
        price_spread=spread, speed_spread=speed_spread,
    )  # fmt: skip


@lru_cache(maxsize=64)
def _speed_table(device: Any, counts: tuple[int, ...], preemptions_per_node_day: float = 0.0) -> SpeedTable:
    """Speeds by the training estimate at a few sizes and counts: 6 N D over the p50 of device-seconds."""
    from economics.verbs.training import training

    sizes = np.array([1e8, 1e9, 1e10, 1e11])
    few = sorted({counts[0], counts[len(counts) // 2], counts[-1]})
    speeds = np.full((sizes.size, len(few)), np.nan)
    for i, size in enumerate(sizes):
        for j, count in enumerate(few):
            found = training(params=float(size), tokens=20 * float(size), accelerator=device, num_accelerators=count,
                             price_usd_per_accelerator_hour=1.0, term="spot" if preemptions_per_node_day else "on-demand",
                             preemptions_per_node_day=preemptions_per_node_day)  # fmt: skip
            if found["fits"]:
                speeds[i, j] = 6 * size * 20 * size / (found["accelerator_hours"]["p50"] * 3600)
    return SpeedTable(num_params=sizes, counts=np.array(few, dtype=float), flop_per_second=speeds)
