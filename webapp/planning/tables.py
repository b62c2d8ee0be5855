"""A plan's inputs as the tables that `python -m economics plan` and `venture` read: one source for page and command line."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from webapp.planning.inputs import PlanInputs
from webapp.planning.prices import PriceUsed
from webapp.planning.sources import LawUsed

COUNTS = (8, 16, 32, 64, 128, 256, 512, 1024)
OPTION_TITLES = {
    "scratch": "Train from scratch",
    "continue": "Continue an open model",
    "fine-tune": "Fine-tune an open model",
    "lora": "LoRA on an open model",
    "distil": "Distil a small model",
    "api": "Buy an API",
    "wait": "Wait, then tune",
}
LOSS_GOALS = ("cheapest-training", "fastest", "cheapest")
SPREADS: dict[str, tuple[float, float, str]] = {
    "new_customers_per_month": (0.5, 1.7, "p10 and p90 over p50 of first-year forecasts, an assumption"),
    "tokens_per_customer_month": (0.6, 1.6, "an assumption until use is measured"),
    "acquisition_usd": (0.7, 1.5, "an assumption until sales are measured"),
    "new_growth_per_month": (0.3, 1.7, "an assumption until sales are measured"),
    "tokens_per_second": (0.68, 1.47, "economics: spread of decode estimates"),
    "usd_per_accelerator_hour": (0.85, 1.18, "spread of offers"),
}
"""How uncertain an input is where nothing was measured: p10 and p90 over p50, and why."""


def plan_table(inputs: PlanInputs, law: LawUsed, price: PriceUsed) -> dict[str, Any]:
    """Return the plan's file, without options."""
    counts = [count for count in COUNTS if count <= inputs.most_accelerators]
    limits: dict[str, Any] = {"unique_tokens": inputs.unique_tokens, "deadline": inputs.deadline_days * 86_400.0}
    if inputs.goal in LOSS_GOALS:
        limits["loss"] = inputs.loss_bar
    if inputs.goal != "cheapest":
        limits["budget_usd"] = inputs.budget_usd
    if inputs.goal == "fastest":
        limits.pop("deadline")
    return {
        "goal": inputs.goal,
        "limits": limits,
        "law": {"fit": "fit.json"} if law.is_own else {"name": law.label},
        "hardware": [
            {
                "accelerator": inputs.accelerator,
                "price_usd_per_accelerator_hour": {"p10": price.low, "p50": price.usd_per_hour, "p90": price.high},
                "counts": counts,
                "term": inputs.term,
                "preemptions_per_node_day": inputs.preemptions_per_node_day,
            }
        ],
        "project": {"ablation_multiplier": _around(inputs.rnd_multiplier, 0.6, 2.0)},
        "serving": demand_table(inputs),
    }


def demand_table(inputs: PlanInputs) -> dict[str, Any]:
    """Return what is served."""
    written = inputs.tokens_per_month * inputs.output_fraction
    return {
        "input_tokens_per_month": max(inputs.tokens_per_month - written, 1.0),
        "output_tokens_per_month": max(written, 1.0),
        "growth_per_month": inputs.growth_per_month,
        "months": int(inputs.horizon_months),
        "peak_over_mean": inputs.peak_over_mean,
        "least_replicas": int(inputs.least_replicas),
    }


def option_tables(inputs: PlanInputs, best: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the options, the best mix of the plan as what would be trained from scratch."""
    base, tune = inputs.base_params, inputs.tune_tokens
    labels = {"fixed_usd": inputs.tune_data_usd} if inputs.tune_data_usd > 0 else {}
    tuned = {"num_params": base, "num_tokens": tune, "ablations": False, **labels}
    api = {
        "usd_per_million_input_tokens": inputs.api_usd_per_million_input or 1e-9,
        "usd_per_million_output_tokens": inputs.api_usd_per_million_output,
    }
    tables: dict[str, dict[str, Any]] = {
        "scratch": {"kind": "pretrain", "num_params": best["num_params"], "num_tokens": best["num_tokens"]},
        "continue": {"kind": "continue", "num_params": base, "num_tokens": inputs.continue_tokens},
        "fine-tune": {"kind": "fine-tune", **tuned},
        "lora": {"kind": "lora", **tuned},
        "distil": {
            "kind": "distil", "num_params": inputs.student_params, "num_tokens": inputs.distil_tokens,
            "teacher_params": base, **labels,
        },
        "api": {"kind": "api", **api},
    }  # fmt: skip
    if inputs.wait_months > 0:
        tables["wait"] = {
            "kind": "wait", "months": inputs.wait_months, **tuned,
            "usd_per_month_waiting": max(api_usd_per_month(inputs), 1e-9),
        }  # fmt: skip
    left = {name: table for name, table in tables.items() if name not in inputs.excluded_names}
    return [{"name": name, **table} for name, table in left.items()]


def api_usd_per_month(inputs: PlanInputs) -> float:
    """Return what the API would bill for the first month's tokens."""
    return inputs.tokens_per_month / 1e6 * api_usd_per_million(inputs)


def api_usd_per_million(inputs: PlanInputs) -> float:
    """Return the API's price of tokens as they are used, read and written mixed."""
    share = inputs.output_fraction
    return (1 - share) * inputs.api_usd_per_million_input + share * inputs.api_usd_per_million_output


def venture_table(
    inputs: PlanInputs, *, option: str, tokens_per_second: float, once: Mapping[str, float], ready_months: float,
    price: PriceUsed,
) -> dict[str, Any]:  # fmt: skip
    """Return the venture's file for one option.

    once: p10, p50, p90 of what the option costs before it serves; ready_months: until it can be sold.
    """
    launch = min(math.ceil(ready_months - 1e-9), int(inputs.horizon_months) - 1)
    table: dict[str, Any] = {
        "months": int(inputs.horizon_months),
        "opening_cash_usd": inputs.cash_usd,
        "launch_month": launch,
        "payroll_overhead_fraction": 0.0,
        "segments": [_segment(inputs)],
        "serving": _serving(inputs, option, tokens_per_second, price),
        "people": _people(inputs),
        "other_costs": [{"name": "Other", "department": "general", "usd_per_month": inputs.other_usd_per_month}],
        "discounting": {"venture_rate_per_year": inputs.discount_per_year},
    }
    if once["p50"] > 0:
        table["training"] = [
            {
                "month": 0, "months": max(1, launch), "cost_usd": dict(once),
                "every_months": int(inputs.retrain_every_months),
            }
        ]  # fmt: skip
    if inputs.funding_usd > 0:
        table["funding"] = [{"month": int(inputs.funding_month), "amount_usd": inputs.funding_usd}]
    return table


def _segment(inputs: PlanInputs) -> dict[str, Any]:
    churn = inputs.churn_per_month
    worth = max(inputs.churn_customers_observed, 40.0)
    return {
        "name": "Customers",
        "starting_customers": inputs.customers * inputs.starting_fraction,
        "new_customers_per_month": _spread("new_customers_per_month", inputs.new_customers_per_month),
        "growth_per_month": _spread("new_growth_per_month", inputs.new_growth_per_month),
        "churn_per_month": {"beta": [churn * worth, (1 - churn) * worth]},
        "churn_customers_observed": int(inputs.churn_customers_observed),
        "tokens_per_customer_month": _spread(
            "tokens_per_customer_month", inputs.tokens_per_month / inputs.customers
        ),
        "heaviness_sigma": inputs.heaviness_sigma,
        "usage_growth_per_month": 0.0,
        "acquisition_usd": _spread("acquisition_usd", inputs.acquisition_usd),
        "plan": {
            "usd_per_month": inputs.usd_per_customer_month,
            "included_tokens_per_month": inputs.included_tokens,
            "usd_per_million_tokens": inputs.overage_usd_per_million,
            "collection_days": inputs.collection_days,
        },
    }  # fmt: skip


def _serving(inputs: PlanInputs, option: str, tokens_per_second: float, price: PriceUsed) -> dict[str, Any]:
    return {
        "mode": "api" if option == "api" else "own",
        "tokens_per_second_per_replica": _spread("tokens_per_second", tokens_per_second),
        "usd_per_accelerator_hour": _around(
            price.usd_per_hour, price.low / price.usd_per_hour, price.high / price.usd_per_hour
        ),
        "peak_over_mean": inputs.peak_over_mean,
        "least_replicas": int(inputs.least_replicas),
        "api_usd_per_million_tokens": api_usd_per_million(inputs),
        "api_decline_per_year": 0.2,
        "support_usd_per_customer_month": inputs.support_usd_per_customer_month,
        "payment_fee_fraction": inputs.payment_fee_fraction,
    }


def _people(inputs: PlanInputs) -> list[dict[str, Any]]:
    yearly = inputs.payroll_usd_per_month * 12
    rest = (1 - inputs.research_share) / 2
    shares = {"research": inputs.research_share, "sales": rest, "general": rest}
    return [{"name": name, "department": name, "usd_per_year": yearly * share} for name, share in shares.items()]


def _spread(name: str, value: float) -> Any:
    low, high, _why = SPREADS[name]
    return _around(value, low, high)


def _around(value: float, low: float, high: float) -> Any:
    """p10, p50, p90 about a value; the number alone where it is 0 or below, of which no lognormal can be drawn."""
    return {"p10": value * low, "p50": value, "p90": value * high} if value > 0 else value


def toml_text(table: Mapping[str, Any]) -> str:
    """Return the tables as TOML, for `python -m economics`."""
    lines: list[str] = []
    nested: list[str] = []
    for key, value in table.items():
        if isinstance(value, Mapping):
            nested += ["", f"[{key}]", *_pairs(value, key)]
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            for row in value:
                nested += ["", f"[[{key}]]", *_pairs(row, key)]
        else:
            lines.append(f"{key} = {_toml(value)}")
    return "\n".join([*lines, *nested]) + "\n"


def _pairs(table: Mapping[str, Any], where: str) -> list[str]:
    return [f"{key} = {_toml(value)}" for key, value in table.items()]


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
    return f'"{escaped}"'
