"""What a plan asks: seven questions, and everything else with a default whose source is on view. Money is in USD."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from economics.errors import InputError
from webapp.planning.inputs.advantage import AdvantageQuestions
from webapp.planning.inputs.asking import OPTION_NAMES

__all__ = ["FIELDS", "GOALS", "OPTION_NAMES", "PARTS", "TYPES", "PlanInputs", "inputs_from_dict", "inputs_to_dict"]

Goal = Literal["best-loss", "cheapest-training", "fastest", "cheapest"]


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanInputs(AdvantageQuestions):
    """One scenario: the questions of all parts, each part's added to those before. None of the defaults is hidden."""

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            choices = item.metadata["choices"]
            if choices and value not in choices.split(","):
                raise InputError(str(item.metadata["label"]), value, f"one of {choices.replace(',', ', ')}")
            least = LEAST_GROWTH if item.name in _GROWTHS else 0.0
            if isinstance(value, float) and not least <= value <= MOST:
                raise InputError(str(item.metadata["label"]), value, f"a number from {least:g} to {MOST:g}")
        for name in _POSITIVE:
            if not getattr(self, name) > 0:
                raise InputError(str(FIELDS[name]["label"]), getattr(self, name), "above 0")
        for name in _SHARES:
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(str(FIELDS[name]["label"]), getattr(self, name), "a share from 0 to 1")
        if not 1 <= self.horizon_months <= 120:
            raise InputError(str(FIELDS["horizon_months"]["label"]), self.horizon_months, "from 1 to 120")
        if self.wait_months >= self.horizon_months:
            raise InputError(str(FIELDS["wait_months"]["label"]), self.wait_months, "less than the months looked at")
        if self.collection_days > 30:
            raise InputError(str(FIELDS["collection_days"]["label"]), self.collection_days, "at most 30")
        if self.most_accelerators < 8:
            raise InputError(str(FIELDS["most_accelerators"]["label"]), self.most_accelerators, "at least 8, one node")

    @property
    def tokens_per_month(self) -> float:
        """Volume of the first month, from requests where these are given."""
        return self.requests_per_month * self.tokens_per_request or self.monthly_tokens

    @property
    def excluded_names(self) -> set[str]:
        return {name.strip() for name in self.excluded.split(",")} & set(OPTION_NAMES)


LEAST_GROWTH, MOST = -0.5, 1e18
_GROWTHS = ("growth_per_month", "new_growth_per_month")
_POSITIVE = (
    "monthly_tokens", "tokens_per_request", "unique_tokens", "deadline_days", "budget_usd", "loss_bar", "base_params",
    "continue_tokens", "tune_tokens", "student_params", "distil_tokens", "customers", "usd_per_currency", "rnd_multiplier",
    "api_usd_per_million_output", "peak_over_mean", "bytes_per_token", "churn_per_month", "most_accelerators",
)  # fmt: skip
_SHARES = (
    "output_fraction", "starting_fraction", "churn_per_month", "payment_fee_fraction", "research_share",
    "reachable_fraction",
)  # fmt: skip
FIELDS: dict[str, dict[str, Any]] = {item.name: dict(item.metadata) for item in fields(PlanInputs)}
TYPES: dict[str, Any] = {name: get_origin(hint) or hint for name, hint in get_type_hints(PlanInputs).items()}
PARTS = ("questions", "plan", "options", "business", "advantage")
GOALS = get_args(Goal)


def inputs_to_dict(inputs: PlanInputs) -> dict[str, Any]:
    """Return the plain values, as a version keeps them."""
    plain: dict[str, Any] = msgspec.to_builtins(inputs)
    return plain


def inputs_from_dict(values: dict[str, Any]) -> PlanInputs:
    """Read what a version keeps; what is not known any more is left out, what is new takes its default."""
    known = {name: value for name, value in values.items() if name in FIELDS}
    typed: dict[str, Any] = {n: float(v) if TYPES[n] is float else str(v) for n, v in known.items()}
    return PlanInputs(**typed)
