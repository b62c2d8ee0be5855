"""Plan what to train on what, within limits, and whether to train at all."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from economics.errors import InputError
from economics.plan import (
    Comparison,
    Demand,
    HardwareOffer,
    Limits,
    ServingCost,
    binding_limits,
    options_compare,
    pareto_front,
)
from economics.plan.choose import Goal
from economics.plan.toml_file import (
    TABLES,
    demand_from,
    jobs_from,
    known_keys,
    limits_from,
    option_from,
    rows_of,
    toml_read,
)
from economics.scaling.fitted import FittedLaw
from economics.scaling.mixes import two_digits
from economics.scaling.published import published_fit
from economics.uncertainty import Distribution, LogNormal, as_distribution, distribution_from_mapping
from economics.verbs._options import assumption
from economics.verbs._plan_offers import layout_of, layouts_of, offer_from, option_inputs, serving_cost, serving_flop
from economics.verbs._plan_scan import as_plain, hardware_rows, scan_twice, with_intervals, worth_showing
from economics.verbs.predict import read_fit

GOALS = ("best-loss", "cheapest", "cheapest-training", "fastest")
"""Goals of a file; the third leaves serving out of what is cheap."""

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
    serving = serving_cost(demand, offers[0]) if demand and counts_serving else ServingCost()
    began = time.perf_counter()
    scan, best, band, total = scan_twice(fitted, offers, limits, goal, spread.median, serving)
    seconds = time.perf_counter() - began
    chosen = with_intervals(best, fitted, offers, spread, limits, num_draws, seed)
    result: dict[str, Any] = {
        "goal": goal,
        "best": chosen,
        "band": {name: [two_digits(x) for x in ends] for name, ends in band.items()},
        "binding_limits": binding_limits(scan, goal),
        "pareto": [as_plain(point, offers) for point in worth_showing(pareto_front(scan, most=60), best)],
        "hardware": hardware_rows(scan, offers, goal, best),
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
    layouts_of(result["pareto"], {offer.name: offer for offer in offers})
    return result


def plan_arguments(
    table: Mapping[str, Any], *, folder: Path | None = None
) -> tuple[dict[str, Any], list[HardwareOffer], list[dict[str, Any]]]:
    """What `plan` is called with for the tables of a file, the offers among it, and what was assumed."""
    known_keys(table, TABLES, "plan")
    fitted, notes = _law_from(table.get("law", {}), folder or Path())
    limits = limits_from(table.get("limits", {}))
    jobs = [jobs_from(row) for row in rows_of(table, "jobs")]
    goal = table.get("goal", "best-loss")
    if goal not in GOALS:
        raise InputError("goal", goal, "one of " + ", ".join(GOALS))
    if goal != "best-loss" and "loss" not in table.get("limits", {}):
        raise InputError("limits.loss", None, f"given: a plan that is {goal} needs a loss to reach")
    offers = [offer_from(row, limits, notes, jobs) for row in rows_of(table, "hardware")]
    if not offers:
        raise InputError("hardware", None, "one table [[hardware]] or more, each with an accelerator")
    project = dict(table.get("project", {}))
    given = {name: distribution_from_mapping(f"project.{name}", value) for name, value in project.items()}
    if (multiplier := given.get("ablation_multiplier")) and not multiplier.median >= 1:
        raise InputError(
            "project.ablation_multiplier", project["ablation_multiplier"], "at least 1: the final run counts"
        )
    arguments: dict[str, Any] = {
        "goal": "cheapest" if goal == "cheapest-training" else goal,
        "counts_serving": goal != "cheapest-training",
        "limits": limits,
        "fitted": fitted,
        "offers": offers,
        "multiplier": given.pop("ablation_multiplier", LogNormal.from_median(DEFAULT_MULTIPLIER, p10=1.5, p90=5.0)),
        "demand": demand_from(table["serving"]) if "serving" in table else None,
        "options": [option_from(row) for row in rows_of(table, "options")],
        "inputs": given,
    }
    return arguments, offers, notes


def _law_from(table: Mapping[str, Any], folder: Path) -> tuple[FittedLaw, list[dict[str, Any]]]:
    known_keys(table, ("fit", "name"), "law")
    if "fit" in table:
        return read_fit(str(folder / str(table["fit"]))), []
    name = str(table.get("name", "besiroglu-2024"))
    return published_fit(name), [assumption("law", name, "", "published law; fit your own ladder to replace it")]


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
