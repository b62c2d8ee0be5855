"""A plan as a TOML file: what each table and key means, and its defaults.

goal = "best-loss"                # or, with limits.loss: "cheapest" (serving counts), "cheapest-training", "fastest"

[limits]                          # all optional
budget_usd = 120000               # training, ablations and failed runs included
deadline = "30d"                  # of the final run
unique_tokens = "180B"            # beyond them tokens repeat, and are worth less
max_accelerators = 64
serving_memory = "80GB"           # the weights must fit when served
serving_bytes_per_param = 2       # bf16 2, fp8 1, int4 0.625
min_tokens_per_param = 20         # over-train at least so far
loss = 2.1

[law]
fit = "fit.json"                  # what `fit --json` printed; or name = "besiroglu-2024"

[[hardware]]
accelerator = "h100"
price_usd_per_accelerator_hour = 2.5        # a number or {p10, p50, p90}; the catalogue's when left out
counts = [8, 16, 32, 64]
term = "on-demand"
preemptions_per_node_day = 0      # of spot capacity, besides failures
mfu_fraction = 0.4                # with goodput; estimated for each size and count when left out

[project]
ablation_multiplier = 2.5         # all compute of the project over its final run

[serving]                         # makes the plan inference-aware
input_tokens_per_month = "10B"
output_tokens_per_month = "3B"
growth_per_month = 0.05
months = 24

[[options]]                       # two or more: compared side by side
name = "API"
kind = "api"                      # pretrain, continue, fine-tune, lora, distil, api, wait
usd_per_million_input_tokens = 0.5
usd_per_million_output_tokens = 1.5
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from economics.errors import InputError
from economics.plan.options import Demand, Option
from economics.plan.scan import Limits
from economics.uncertainty import JobObservation
from economics.units import Kind, parse_quantity, positive, whole

TABLES = ("goal", "limits", "law", "hardware", "project", "serving", "options", "jobs")
LIMIT_KEYS: dict[str, tuple[str, Kind]] = {
    "budget_usd": ("budget_usd", "usd"),
    "deadline": ("deadline_seconds", "seconds"),
    "unique_tokens": ("unique_tokens", "count"),
    "max_epochs": ("most_epochs", "count"),
    "max_accelerators": ("most_accelerators", "count"),
    "serving_memory": ("serving_memory_bytes", "bytes"),
    "serving_bytes_per_param": ("serving_bytes_per_param", "count"),
    "min_tokens_per_param": ("least_tokens_per_param", "count"),
    "loss": ("loss", "count"),
}


def toml_read(path: str | Path) -> dict[str, Any]:
    """Read a TOML file, or say what is wrong with it."""
    file = Path(path)
    if not file.is_file():
        raise InputError("file", str(path), "a TOML file that exists")
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError("file", str(path), f"valid TOML ({error})") from None


def known_keys(table: Mapping[str, Any], allowed: tuple[str, ...] | set[str], where: str) -> None:
    """Refuse keys that mean nothing here: a misspelt limit must not be no limit."""
    if not isinstance(table, Mapping):
        raise InputError(where, table, "a table of keys and values")
    if unknown := sorted(set(table) - set(allowed)):
        raise InputError(
            f"{where}.{unknown[0]}", table[unknown[0]], f"left out; known are {', '.join(sorted(allowed))}"
        )


def rows_of(table: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """Return the tables of a list, [[hardware]] for one.

    >>> rows_of({"jobs": {}}, "jobs")
    Traceback (most recent call last):
    ...
    economics.errors.InputError: jobs is 'one table'; it must be written as [[jobs]], once for each.
    """
    rows = table.get(name, [])
    if not isinstance(rows, list):
        raise InputError(name, "one table", f"written as [[{name}]], once for each")
    return rows


def limits_from(table: Mapping[str, Any]) -> Limits:
    """The limits of a plan.

    >>> limits_from({"deadline": "30d", "unique_tokens": "180B"}).deadline_seconds
    2592000.0
    """
    known_keys(table, set(LIMIT_KEYS), "limits")
    values = {
        name: positive(table[key], field=f"limits.{key}", kind=kind)
        for key, (name, kind) in LIMIT_KEYS.items()
        if key in table
    }
    return Limits(**values)


def demand_from(table: Mapping[str, Any]) -> Demand:
    """What is served."""
    names = {field.name for field in dataclasses.fields(Demand)}
    known_keys(table, names | {"usd_per_param"}, "serving")
    values: dict[str, Any] = {}
    for name in names & set(table):
        if name.endswith("tokens_per_month"):
            values[name] = positive(table[name], field=f"serving.{name}")
        elif name == "months":
            values[name] = whole(table[name], field=f"serving.{name}")
        else:
            values[name] = parse_quantity(table[name], field=f"serving.{name}")
    return Demand(**values)


def jobs_from(table: Mapping[str, Any]) -> JobObservation:
    """One of the team's own jobs.

    >>> jobs_from({"predicted": "10h", "observed": "12h"}).ratio
    1.2
    """
    known_keys(table, ("accelerator", "kind", "predicted", "observed", "finished"), "jobs")
    seconds = {}
    for name in ("predicted", "observed"):
        if name not in table:
            raise InputError(f"jobs.{name}", None, "a time such as 10h")
        seconds[name] = positive(table[name], field=f"jobs.{name}", kind="seconds")
    return JobObservation(
        ratio=seconds["observed"] / seconds["predicted"],
        finished=bool(table.get("finished", True)),
        device=str(table.get("accelerator", "")),
        kind=str(table.get("kind", "")),
    )


def option_from(table: Mapping[str, Any]) -> Option:
    """One option; numbers may carry units."""
    names = {field.name for field in dataclasses.fields(Option)}
    where = f"options ({table.get('name', 'unnamed')})"
    known_keys(table, names, where)
    for required in ("name", "kind"):
        if required not in table:
            raise InputError(f"{where}.{required}", None, "given")
    from typing import get_args

    from economics.plan.options import Kind as OptionKind

    if table["kind"] not in get_args(OptionKind):
        raise InputError(f"{where}.kind", table["kind"], f"one of {', '.join(get_args(OptionKind))}")
    values: dict[str, Any] = {"name": str(table["name"]), "kind": table["kind"]}
    for name in names & set(table) - {"name", "kind"}:
        values[name] = table[name] if name == "ablations" else positive(table[name], field=f"{where}.{name}")
    return Option(**values)
