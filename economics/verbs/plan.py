"""Plan what to train on what, within limits, and whether to train at all."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from economics.catalogue.accelerators import find_accelerator
from economics.catalogue.prices import typical_price
from economics.errors import EconomicsError, InputError
from economics.plan import (
    Chosen,
    Comparison,
    Demand,
    HardwareOffer,
    Limits,
    Scan,
    ServingCost,
    SpeedTable,
    binding_limits,
    options_compare,
    pareto_front,
    plan_band,
    plan_choose,
    plan_scan,
)
from economics.plan.choose import Goal
from economics.plan.hardware import PRICE_SPREAD, SPEED_SPREAD
from economics.plan.options import INPUTS
from economics.plan.rates import rate
from economics.plan.toml_file import TABLES, demand_from, jobs_from, known_keys, limits_from, option_from, toml_read
from economics.scaling.fitted import FittedLaw
from economics.scaling.laws import two_digits
from economics.scaling.predict import predict_loss
from economics.scaling.published import published_data_constrained_law, published_fit
from economics.uncertainty import (
    Distribution,
    JobObservation,
    LogNormal,
    RatioPrior,
    as_distribution,
    distribution_from_mapping,
    draw_jointly,
    interval_of,
    ratio_posterior,
)
from economics.units import positive
from economics.verbs._options import assumption, today
from economics.verbs.predict import read_fit

GRID = 140
"""Sizes and token counts tried at first; the neighbourhood of the best is then scanned again, finer."""

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

DEFAULT_MULTIPLIER = 2.5
"""All compute of a project over its final run."""


def plan(
    *,
    goal: Goal = "best-loss",
    limits: Limits | None = None,
    fitted: FittedLaw | None = None,
    offers: list[HardwareOffer],
    multiplier: float | Distribution = DEFAULT_MULTIPLIER,
    demand: Demand | None = None,
    options: list[Any] | Callable[[Mapping[str, Any]], list[Any]] | None = None,
    inputs: Mapping[str, float | Distribution] | None = None,
    counts_serving: bool = True,
    num_draws: int = 4000,
    seed: int = 0,
) -> dict[str, Any]:
    """Return the best mix within limits, the band about it, the front, and options side by side.

    Parameters
    ----------
    options : two or more, or a function that makes them of the best mix found
    counts_serving : whether the scan adds the cost of serving `demand` to that of training

    >>> offer = HardwareOffer(name="x", usd_per_accelerator_hour=2.0, counts=(8, 64), peak_flop_per_second=1e15,
    ...                       memory_bytes=8e10)
    >>> found = plan(limits=Limits(budget_usd=1e5), offers=[offer], num_draws=200)
    >>> found["best"]["accelerator"], found["binding_limits"], found["num_configurations"] > 10_000
    ('x', ['budget_usd'], True)
    """
    limits = limits or Limits()
    fitted = fitted or published_fit()
    if fitted.law is None:
        raise InputError("law", "a fit without a centre", "a fit of at least 8 runs, or a published law")
    if not any(np.isfinite(x) for x in (limits.budget_usd, limits.deadline_seconds, limits.loss)):
        raise InputError("limits", "none that binds", "at least one of budget_usd, deadline and loss")
    spread = as_distribution(multiplier)
    serving = _serving_cost(demand, offers[0]) if demand and counts_serving else ServingCost()
    began = time.perf_counter()
    scan, best, band, total = _scan_twice(fitted, offers, limits, goal, spread.median, serving)
    seconds = time.perf_counter() - began
    chosen = _with_intervals(best, fitted, offers, spread, limits, num_draws, seed)
    result: dict[str, Any] = {
        "goal": goal,
        "best": chosen,
        "band": {name: [two_digits(x) for x in ends] for name, ends in band.items()},
        "binding_limits": binding_limits(scan, goal),
        "pareto": [_plain(point, offers) for point in _worth_showing(pareto_front(scan, most=60), best)],
        "hardware": _hardware_rows(scan, offers, goal, best),
        "num_configurations": total,
        "configurations_per_second": total / seconds,
        "warnings": [*fitted.warnings, *chosen.pop("warnings")],
        "assumptions": [
            assumption("ablation_multiplier", spread.median, "project compute / final run", "default, range 1.5-5")
        ],
    }
    if options:
        listed = options(chosen) if callable(options) else options
        compared = options_compare(
            listed, demand or Demand(), option_inputs(offers[best.offer], best, spread, inputs or {}),
            num_draws=num_draws, seed=seed,
        )  # fmt: skip
        result |= _compared(compared)
    return result


def _scan_twice(
    fitted: FittedLaw, offers: list[HardwareOffer], limits: Limits, goal: Goal, multiplier: float, serving: ServingCost
) -> tuple[Scan, Chosen, dict[str, tuple[float, float]], int]:
    """A wide scan, then a fine one about its best; the wide one gives band and front."""
    law = fitted.law
    assert law is not None
    repeated = published_data_constrained_law()

    def scanned(sizes: Any, tokens: Any) -> Scan:
        return plan_scan(
            law, offers, limits, sizes=sizes, tokens=tokens, multiplier=multiplier, serving=serving,
            repeats=(repeated.R_D_star, repeated.R_N_star),
        )  # fmt: skip

    wide = scanned(np.geomspace(1e6, 4e12, GRID), np.geomspace(1e8, 2e14, GRID))
    best = plan_choose(wide, goal)
    near = np.geomspace(0.88, 1.14, 41)
    tokens = best.num_tokens * near
    if np.isfinite(limits.unique_tokens):
        tokens = np.unique(np.append(tokens, [limits.unique_tokens]))
    fine = scanned(best.num_params * near, tokens)
    finest = plan_choose(fine, goal) if fine.feasible.any() else best
    band = plan_band(wide, best, goal)
    for name, ends in band.items():
        value = getattr(finest, name)
        band[name] = (min(ends[0], value), max(ends[1], value))
    better = finest if _value(finest, goal) <= _value(best, goal) else best
    return wide, better, band, wide.num_configurations + fine.num_configurations


def _value(chosen: Chosen, goal: Goal) -> float:
    if goal == "best-loss":
        return chosen.loss
    return chosen.wall_seconds if goal == "fastest" else chosen.training_usd + chosen.serving_usd


def _worth_showing(front: list[Chosen], best: Chosen) -> list[Chosen]:
    """The front from a hundredth of the best's money on: toys are not choices."""
    least = 0.01 * (best.training_usd + best.serving_usd)
    return [point for point in front if point.training_usd + point.serving_usd >= least]


def _plain(chosen: Chosen, offers: list[HardwareOffer]) -> dict[str, Any]:
    offer = offers[chosen.offer]
    return {
        "num_params": two_digits(chosen.num_params),
        "num_tokens": two_digits(chosen.num_tokens),
        "accelerator": offer.name,
        "term": offer.term,
        "num_accelerators": chosen.count,
        "loss": chosen.loss,
        "training_usd": chosen.training_usd,
        "serving_usd": chosen.serving_usd,
        "wall_seconds": chosen.wall_seconds,
    }


def _with_intervals(
    chosen: Chosen, fitted: FittedLaw, offers: list[HardwareOffer], multiplier: Distribution, limits: Limits,
    num_draws: int, seed: int,
) -> dict[str, Any]:  # fmt: skip
    """The chosen mix with p10, p50, p90 of its loss, money and time, and the chance that the limits hold."""
    offer = offers[chosen.offer]
    draws = draw_jointly(
        {"price": offer.price_spread, "speed": offer.speed_spread, "multiplier": multiplier},
        num_draws=num_draws, seed=seed,
    )  # fmt: skip
    wall = chosen.wall_seconds / draws["speed"]
    cost = chosen.training_usd * draws["price"] / draws["speed"] * draws["multiplier"] / multiplier.median
    prediction = predict_loss(fitted, chosen.num_params, chosen.num_tokens, seed=seed)
    # repeats raise the loss; carry the central shift over to the interval
    shift = chosen.loss / prediction.loss.p50
    return _plain(chosen, offers) | {
        "tokens_per_param": two_digits(chosen.num_tokens / chosen.num_params),
        "num_epochs": max(1.0, chosen.num_tokens / limits.unique_tokens),
        "loss": (prediction.loss * shift).to_dict(),
        "training_usd": interval_of(cost).to_dict(),
        "wall_seconds": interval_of(wall).to_dict(),
        "probability_within_budget": float((cost <= limits.budget_usd).mean()),
        "probability_within_deadline": float((wall <= limits.deadline_seconds).mean()),
        "warnings": [w for w in prediction.warnings if w not in fitted.warnings],
    }


def _hardware_rows(scan: Scan, offers: list[HardwareOffer], goal: Goal, best: Chosen) -> list[dict[str, Any]]:
    """The best mix on each offer, and the price at which a losing one would match the winner's cost for its loss."""
    rows = []
    for index, offer in enumerate(offers):
        own = scan.feasible & (scan.offer == index)
        row: dict[str, Any] = {
            "accelerator": offer.name, "term": offer.term, "usd_per_accelerator_hour": offer.usd_per_accelerator_hour,
            "best": None, "price_to_win_usd_per_accelerator_hour": None,
        }  # fmt: skip
        if own.any():
            keys = {"best-loss": scan.loss, "cheapest": scan.total_usd, "fastest": scan.wall_seconds}[goal]
            rank = np.where(own, keys, np.inf)
            at = int(rank.argmin())
            row["best"] = {"num_params": two_digits(float(scan.num_params[at])), "value": float(keys[at])}
        if index != best.offer:
            speed = float(offer.speed(best.num_params, float(max(offer.counts))))
            winner = offers[best.offer]
            theirs = float(winner.speed(best.num_params, float(best.count)))
            if np.isfinite(speed):
                row["price_to_win_usd_per_accelerator_hour"] = two_digits(
                    winner.usd_per_accelerator_hour * speed / theirs
                )
        rows.append(row)
    return rows


def _serving_cost(demand: Demand, offer: HardwareOffer) -> ServingCost:
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


def _compared(found: Comparison) -> dict[str, Any]:
    return {
        "options": [
            {
                "name": row.option.name,
                "kind": row.option.kind,
                "cost_usd": row.cost_usd.to_dict(),
                "probability_cheapest": row.probability_cheapest,
                "expected_regret_usd": row.expected_regret_usd,
            }
            for row in found.results
        ],
        "probability_cheaper": found.cheaper,
        "thresholds": [
            {"input": t.input, "central": t.central, "flips_at": t.flips_at, "to_option": t.to_option}
            for t in found.thresholds
        ],
    }


def plan_from_file(path: str) -> dict[str, Any]:
    """Read a plan's TOML file (see `economics.plan.toml_file`) and work it out."""
    return plan_from_table(toml_read(path), folder=Path(path).parent)


def plan_from_table(table: Mapping[str, Any], *, folder: Path | None = None) -> dict[str, Any]:
    """Work out a plan from the tables of its file, as a program may hold them.

    >>> found = plan_from_table({"limits": {"budget_usd": 1e4}, "hardware": [
    ...     {"accelerator": "h100", "price_usd_per_accelerator_hour": 2.5, "counts": [8], "mfu_fraction": 0.4}]})
    >>> found["best"]["num_accelerators"]
    8
    """
    arguments, offers, notes = plan_arguments(table, folder=folder)
    result = plan(**arguments)
    result["assumptions"] += notes
    chosen = offers[[offer.name for offer in offers].index(result["best"]["accelerator"])]
    if chosen.table is not None:
        result["best"] |= layout_of(result["best"], chosen)
    return result


def plan_arguments(
    table: Mapping[str, Any], *, folder: Path | None = None
) -> tuple[dict[str, Any], list[HardwareOffer], list[dict[str, Any]]]:
    """What `plan` is called with for the tables of a file, the offers among it, and what was assumed."""
    known_keys(table, TABLES, "plan")
    fitted, notes = _law_from(table.get("law", {}), folder or Path())
    limits = limits_from(table.get("limits", {}))
    jobs = [jobs_from(row) for row in table.get("jobs", [])]
    offers = [offer_from(row, limits, notes, jobs) for row in table.get("hardware", [])]
    if not offers:
        raise InputError("hardware", None, "one table [[hardware]] or more, each with an accelerator")
    project = dict(table.get("project", {}))
    given = {name: distribution_from_mapping(f"project.{name}", value) for name, value in project.items()}
    goal = table.get("goal", "best-loss")
    arguments: dict[str, Any] = {
        "goal": "cheapest" if goal == "cheapest-training" else goal,
        "counts_serving": goal != "cheapest-training",
        "limits": limits,
        "fitted": fitted,
        "offers": offers,
        "multiplier": given.pop("ablation_multiplier", LogNormal.from_median(DEFAULT_MULTIPLIER, p10=1.5, p90=5.0)),
        "demand": demand_from(table["serving"]) if "serving" in table else None,
        "options": [option_from(row) for row in table.get("options", [])],
        "inputs": given,
    }
    return arguments, offers, notes


def layout_of(best: Mapping[str, Any], offer: HardwareOffer) -> dict[str, Any]:
    """Parallelism, memory and MFU of the chosen mix, by the full estimate of training."""
    from economics.verbs.training import training

    found = training(
        params=best["num_params"], tokens=best["num_tokens"], accelerator=offer.name,
        num_accelerators=best["num_accelerators"], price_usd_per_accelerator_hour=offer.usd_per_accelerator_hour,
    )  # fmt: skip
    kept = ("parallelism", "memory_bytes_per_accelerator", "mfu_fraction", "goodput_fraction", "fits", "energy_kwh")
    return {name: found[name] for name in kept}


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


def _law_from(table: Mapping[str, Any], folder: Path) -> tuple[FittedLaw, list[dict[str, Any]]]:
    known_keys(table, ("fit", "name"), "law")
    if "fit" in table:
        return read_fit(str(folder / str(table["fit"]))), []
    name = str(table.get("name", "besiroglu-2024"))
    return published_fit(name), [assumption("law", name, "", "published law; fit your own ladder to replace it")]


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
    counts = tuple(int(positive(c, field="hardware.counts")) for c in row.get("counts", (8, 16, 32, 64, 128, 256)))
    spread: Distribution = PRICE_SPREAD
    if "price_usd_per_accelerator_hour" in row:
        quoted = distribution_from_mapping(
            "hardware.price_usd_per_accelerator_hour", row["price_usd_per_accelerator_hour"]
        )
        price = quoted.median
        low, high = (float(x) / price for x in quoted.ppf([0.1, 0.9]))
        spread = LogNormal.from_median(1.0, p10=min(low, 1.0), p90=max(high, 1.0))
    else:
        typical = typical_price(device.name, today=today())
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
                             price_usd_per_accelerator_hour=1.0,
                             preemptions_per_node_day=preemptions_per_node_day)  # fmt: skip
            if found["fits"]:
                speeds[i, j] = 6 * size * 20 * size / (found["accelerator_hours"]["p50"] * 3600)
    return SpeedTable(num_params=sizes, counts=np.array(few, dtype=float), flop_per_second=speeds)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("file", help="TOML: goal, limits, law, hardware, project, serving, options")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Read the file and plan."""
    return plan_from_file(arguments.file)


def explain(result: dict[str, Any]) -> list[str]:
    """How the answer came about."""
    best = result["best"]
    scanned = (
        f"{result['num_configurations']:,} configurations of size x tokens x hardware x count were costed "
        f"({result['configurations_per_second']:,.0f} a second); cost = 6 N D x multiplier / speed x price."
    )
    chosen = (
        f"Best: {best['num_params']:.3g} parameters on {best['num_tokens']:.3g} tokens, "
        f"{best['num_accelerators']} x {best['accelerator']}; limits that bind: "
        f"{', '.join(result['binding_limits']) or 'none'}."
    )
    return [scanned, chosen]


__all__ = [
    "configure", "explain", "layout_of", "offer_from", "option_inputs", "plan", "plan_arguments", "plan_from_file",
    "plan_from_table", "run", "serving_flop",
]  # fmt: skip
