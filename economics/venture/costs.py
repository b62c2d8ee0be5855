"""What a venture pays for: serving, training, people and other costs.

Every money amount is in US dollars before tax. Months count from 0, the first month of the plan.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from economics.errors import InputError
from economics.uncertainty import Distribution, Fixed
from economics.venture.ranges import check_ranges

REPLICA_RATE = Fixed(2000.0)
RENT = Fixed(2.5)
RENT_DECLINE = Fixed(0.2)

Department = Literal["cost_of_goods", "research", "sales", "general"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """What serving a token takes: replicas rented by the month, or an API."""

    mode: Literal["own", "api", "cheaper"] = "own"
    """own: replicas; api: another's model; cheaper: month by month the cheaper of the two."""

    tokens_per_second_per_replica: Distribution = REPLICA_RATE
    """Tokens (in and out, as sold) that one replica serves at full load."""

    accelerators_per_replica: float = 1.0
    """Accelerators of one replica."""

    usd_per_accelerator_hour: Distribution = RENT
    """Rent, in the first month."""

    rent_decline_per_year: Distribution = RENT_DECLINE
    """Fall of rents (and API prices) a year."""

    peak_over_mean: float = 3.0
    """Busiest hour over the mean: replicas are paid for by the peak."""

    least_replicas: int = 2
    """Replicas kept for availability."""

    api_usd_per_million_tokens: float = 0.0
    """Price of the API's tokens, in and out mixed as sold."""

    api_decline_per_year: float = 0.3
    """Fall of API prices a year."""

    support_usd_per_customer_month: float = 0.0
    """Support, in cost of goods."""

    payment_fee_fraction: float = 0.029
    """Share of revenue that payment takes."""

    def __post_init__(self) -> None:
        check_ranges(
            self, shares=("payment_fee_fraction",), rates=("rent_decline_per_year", "api_decline_per_year"),
            positive=("tokens_per_second_per_replica", "accelerators_per_replica"),
            not_negative=(
                "usd_per_accelerator_hour", "least_replicas", "api_usd_per_million_tokens", "support_usd_per_customer_month",
            ),
        )  # fmt: skip
        if not self.peak_over_mean >= 1:
            raise InputError("peak_over_mean", self.peak_over_mean, "at least 1: the busiest hour over the mean")


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """A training project: spent in its month, research and development."""

    month: int
    """When it begins."""

    cost_usd: Distribution
    """All of it, ablations and failed runs included."""

    months: int = 1
    """Over how many months it is spent."""

    every_months: int = 0
    """Repeated after so many months; 0 for once."""

    useful_months: int = 18
    """Months over which the fully loaded margin spreads it."""

    def __post_init__(self) -> None:
        check_ranges(self, positive=("months", "useful_months"), not_negative=("month", "cost_usd", "every_months"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """People of one kind."""

    name: str
    """As shown."""

    department: Department = "research"
    """Where the cost goes."""

    usd_per_year: float = 0.0
    """Salary of one."""

    count: float = 1.0
    """How many from `start_month` on."""

    start_month: int = 0
    """First month."""

    customers_per_head: float = 0.0
    """If above 0, one more for every so many customers."""

    def __post_init__(self) -> None:
        check_ranges(self, not_negative=("usd_per_year", "count", "start_month", "customers_per_head"))
        if self.department not in ("cost_of_goods", "research", "sales", "general"):
            raise InputError(f"department of {self.name}", self.department, "cost_of_goods, research, sales or general")


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherCost:
    """Any other monthly cost."""

    name: str
    """As shown."""

    department: Department = "general"
    """Where it goes."""

    usd_per_month: float = 0.0
    """Fixed part."""

    fraction_of_revenue: float = 0.0
    """Part that follows revenue."""

    start_month: int = 0
    """First month."""

    def __post_init__(self) -> None:
        check_ranges(self, shares=("fraction_of_revenue",), not_negative=("usd_per_month", "start_month"))
        if self.department not in ("cost_of_goods", "research", "sales", "general"):
            raise InputError(f"department of {self.name}", self.department, "cost_of_goods, research, sales or general")
