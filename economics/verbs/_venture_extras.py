"""The optional tables of a venture's file: own or rent, market, what data is worth, a follower's cost."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np

from economics.errors import InputError
from economics.plan.toml_file import known_keys
from economics.scaling.inference_aware import ServedDemand
from economics.scaling.published import published_law
from economics.uncertainty import distribution_from_mapping
from economics.units import parse_quantity
from economics.venture import Market, Simulation, data_value, follower_cost, own_versus_rent
from economics.venture.toml_file import record_from


def answers_of_extras(tables: Mapping[str, Any], simulation: Simulation) -> dict[str, Any]:
    """Return the answers to those optional tables that the file has, each under a key of its own."""
    answers = {
        "own_rent": ("own_versus_rent", _own_or_rent),
        "market": ("market", _market),
        "data": ("data_value", _data_worth),
        "barrier": ("barrier", _barrier),
    }
    return {key: answer(tables[table], simulation) for table, (key, answer) in answers.items() if table in tables}


def _own_or_rent(table: Mapping[str, Any], _: Simulation) -> dict[str, Any]:
    parameters = inspect.signature(own_versus_rent).parameters
    known_keys(table, set(parameters), "own_rent")
    for name, parameter in parameters.items():
        if parameter.default is inspect.Parameter.empty and name not in table:
            raise InputError(f"own_rent.{name}", None, "given")
    return dataclasses.asdict(own_versus_rent(**_numbers(table, "own_rent")))


def _market(table: Mapping[str, Any], simulation: Simulation) -> dict[str, Any]:
    market = record_from(Market, table, "market")
    fixed = float(np.median((simulation.research + simulation.sales + simulation.general)[-12:].sum(axis=0)))
    sold = simulation.revenue[-12:].sum(axis=0)
    margin = 1 - float(np.median(simulation.cost_of_goods[-12:].sum(axis=0) / np.maximum(sold, 1e-9)))
    return {
        "tam_usd_per_year": market.total_usd,
        "sam_usd_per_year": market.serviceable_usd,
        "som_usd_per_year": market.obtainable_usd,
        "share_to_break_even": market.share_to_break_even(fixed_usd_per_year=fixed, gross_margin_fraction=margin),
    }


def _data_worth(table: Mapping[str, Any], _: Simulation) -> dict[str, Any]:
    values = _numbers(table, "data")
    demand = {name: values.pop(name) for name in list(values) if name in ServedDemand.__slots__}
    known_keys(values, ("loss", "unique_tokens"), "data")
    return dataclasses.asdict(data_value(published_law(), demand=ServedDemand(**demand), **values))


def _barrier(table: Mapping[str, Any], _: Simulation) -> list[dict[str, Any]]:
    known_keys(table, ("cost_usd",), "barrier")
    cost = distribution_from_mapping("barrier.cost_usd", table.get("cost_usd"))
    if not cost.median > 0:
        raise InputError("barrier.cost_usd", cost.median, "above 0")
    return [{"months_later": month, "cost_usd": spread.to_dict()} for month, spread in follower_cost(cost).items()]


def _numbers(table: Mapping[str, Any], where: str) -> dict[str, float]:
    """A table of plain numbers, with units."""
    return {name: parse_quantity(value, field=f"{where}.{name}") for name, value in table.items()}
