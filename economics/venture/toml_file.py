"""A venture as a TOML file: what each table and key means.

Wherever a number may be uncertain, a table of quantiles does: `{p10 = 80, p50 = 100, p90 = 150}` (lognormal),
`{p10 = .., p50 = .., p90 = .., share = true}` (beta), `{beta = [a, b]}`, `{triangular = [low, mode, high]}`,
`{empirical = [..]}`. Keys are the fields of `economics.venture.inputs`, with their defaults.

    months = 60
    opening_cash_usd = 500000
    launch_month = 2
    payroll_overhead_fraction = 0.25

    [[segments]]
    name = "Seats"
    market_customers = {p10 = 8000, p50 = 20000, p90 = 40000}   # Bass; or new_customers_per_month
    churn_per_month = {beta = [12, 388]}
    churn_customers_observed = 60
    tokens_per_customer_month = {p10 = "3M", p50 = "5M", p90 = "8M"}
    acquisition_usd = 200
    free_users_per_customer = 5
    free_tokens_per_user_month = "200k"
    [segments.plan]
    usd_per_month = 50
    included_tokens_per_month = "2M"
    usd_per_million_tokens = 3
    prepaid_fraction = 0.3
    collection_days = 30

    [serving]
    mode = "own"                       # own, api or cheaper
    tokens_per_second_per_replica = 2000
    usd_per_accelerator_hour = 2.5
    api_usd_per_million_tokens = 1.5   # for the break-even volume too

    [[training]]
    month = 0
    cost_usd = {p10 = 8e4, p50 = 1e5, p90 = 2e5}
    every_months = 18

    [[people]]
    name = "Engineers"
    department = "research"            # cost_of_goods, research, sales or general
    usd_per_year = 150000
    count = 4

    [[other_costs]]
    name = "Office and tools"
    usd_per_month = 8000

    [[funding]]
    month = 6
    amount_usd = 1000000

    [[credits]]
    amount_usd = 100000
    expire_month = 12

    [discounting]
    venture_rate_per_year = 0.4        # or rate_per_year with failure_per_year; never both

    [own_rent]                         # optional: own versus rent
    purchase_usd = 30000
    economic_life_years = 4
    residual_fraction = 0.2
    rate_per_year = 0.15
    opex_usd_per_year = 4000
    rent_usd_per_hour = 2.5
    rent_decline_per_year = 0.2

    [market]                           # optional: bottom-up market
    customers = 50000
    reachable_fraction = 0.2
    obtainable_fraction = 0.1
    usd_per_customer_year = 600

    [data]                             # optional: what more data is worth
    loss = 2.2
    unique_tokens = "20B"
    training_usd_per_flop = 2e-18
    num_output_tokens = "1T"
    decode_usd_per_flop = 1.2e-17

    [barrier]                          # optional: a follower's cost
    cost_usd = 1000000
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from economics.errors import InputError
from economics.plan.toml_file import known_keys
from economics.uncertainty import Distribution, distribution_from_mapping
from economics.units import parse_quantity
from economics.venture.inputs import Venture

T = TypeVar("T")
EXTRA_TABLES: tuple[str, ...] = ("own_rent", "market", "data", "barrier")


def venture_from(table: Mapping[str, Any]) -> Venture:
    """A venture from the tables of a file.

    >>> found = venture_from({"months": 12, "segments": [{"name": "a", "new_customers_per_month": 10}]})
    >>> found.months, found.segments[0].new_customers_per_month
    (12, Fixed(value=10.0))
    """
    own = {key: value for key, value in table.items() if key not in EXTRA_TABLES}
    if not own.get("segments"):
        raise InputError("segments", None, "one table [[segments]] or more")
    return record_from(Venture, own, "")


def record_from(kind: type[T], table: Mapping[str, Any], where: str) -> T:
    """Build a frozen dataclass from a table, field by field, each by its declared type."""
    if not isinstance(table, Mapping):
        raise InputError(where, table, "a table")
    hints = get_type_hints(kind)
    names = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
    known_keys(table, set(names), where or "venture")
    required = [
        f.name
        for f in dataclasses.fields(kind)  # type: ignore[arg-type]
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    ]
    prefix = f"{where}." if where else ""
    for name in required:
        if name not in table:
            raise InputError(f"{prefix}{name}", None, "given")
    values = {name: _value(hints[name], table[name], f"{prefix}{name}") for name in names if name in table}
    return kind(**values)


def _value(hint: Any, value: Any, where: str) -> Any:
    """One value by its declared type: a distribution, records, numbers with units, or text."""
    if hint is Distribution:
        return distribution_from_mapping(where, _numbers(value, where))
    if get_origin(hint) is tuple:
        inner = get_args(hint)[0]
        if not isinstance(value, list):
            raise InputError(where, value, "a list")
        return tuple(_value(inner, item, f"{where}[{i}]") for i, item in enumerate(value))
    if dataclasses.is_dataclass(hint):
        return record_from(hint, value, where)  # type: ignore[arg-type]
    if get_origin(hint) in (Union, types.UnionType):
        return _value(next(kind for kind in get_args(hint) if kind is not type(None)), value, where)
    if hint in (float, int):
        number = parse_quantity(value, field=where) if not isinstance(value, bool) else None
        if number is None or (hint is int and number != int(number)):
            raise InputError(where, value, "a whole number" if hint is int else "a number")
        return hint(number)
    if get_args(hint):  # a Literal
        if value not in get_args(hint):
            raise InputError(where, value, f"one of {', '.join(map(str, get_args(hint)))}")
        return value
    if not isinstance(value, str):
        raise InputError(where, value, "text")
    return value


def _numbers(value: Any, where: str) -> Any:
    """Units in a number, or in the numbers of a distribution, made plain."""
    if isinstance(value, str):
        return parse_quantity(value, field=where)
    if isinstance(value, dict):
        return {key: _numbers(item, where) if isinstance(item, str | dict) else item for key, item in value.items()}
    return value
