"""What a venture sells: price plans, and segments of customers that come, use and leave.

Every money amount is in US dollars before tax. Months count from 0, the first month of the plan.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from economics.errors import InputError
from economics.uncertainty import Beta, Distribution, Fixed
from economics.venture.ranges import check_ranges

ZERO = Fixed(0.0)
INNOVATION = Fixed(0.0025)
"""Bass's p a month: 0.03 a year is usual."""
IMITATION = Fixed(0.03)
"""Bass's q a month: 0.38 a year is usual."""
USUAL_CHURN = Beta(2.0, 38.0)
"""5 % a month, worth 40 customer-months: a young product for small businesses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PricePlan:
    """What a customer pays, and when."""

    usd_per_month: float = 0.0
    """Subscription."""

    included_tokens_per_month: float = 0.0
    """Tokens in the subscription."""

    usd_per_million_tokens: float = 0.0
    """Price of tokens beyond the included ones; 0 for none."""

    most_tokens_per_month: float = float("inf")
    """Hard cap on a customer's tokens."""

    prepaid_fraction: float = 0.0
    """Share of revenue that is paid ahead (credits, yearly plans): deferred revenue until used."""

    prepaid_months: float = 3.0
    """Months of use that prepaying customers hold on average."""

    collection_days: float = 0.0
    """Days after the month's end until invoices not prepaid are paid."""

    def __post_init__(self) -> None:
        check_ranges(
            self, shares=("prepaid_fraction",),
            not_negative=(
                "usd_per_month", "included_tokens_per_month", "usd_per_million_tokens", "most_tokens_per_month",
                "prepaid_months", "collection_days",
            ),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Customers alike: how they come, stay, use and pay."""

    name: str
    """As shown."""

    plan: PricePlan = field(default_factory=PricePlan)
    """What they pay."""

    market_customers: Distribution = ZERO
    """Customers that could ever come (Bass's M); 0 if `new_customers_per_month` says how many come."""

    innovation_per_month: Distribution = INNOVATION
    """Bass's p: share of those left that come of themselves in a month (0.03 a year is usual)."""

    imitation_per_month: Distribution = IMITATION
    """Bass's q: further share for each adopter among M (0.38 a year is usual)."""

    new_customers_per_month: Distribution = ZERO
    """Customers that come in the first month, where no market size is given."""

    growth_per_month: Distribution = ZERO
    """Growth of that number, a month."""

    starting_customers: float = 0.0
    """Paying customers when the plan begins."""

    churn_per_month: Distribution = USUAL_CHURN
    """Share of customers that leave in a month, from the second month on."""

    first_month_churn: Distribution = ZERO
    """Share that leaves after its first month, if higher."""

    churn_customers_observed: int = 0
    """Customer-months behind `churn_per_month`; below 30 customers it is an assumption, and said to be one."""

    tokens_per_customer_month: Distribution = ZERO
    """Mean use."""

    heaviness_sigma: float = 1.5
    """Standard deviation of ln use from customer to customer: 1.5 means that a tenth of them use about half."""

    usage_growth_per_month: float = 0.0
    """Growth of use per customer."""

    price_elasticity: float = 0.0
    """Percent of new customers won by one percent of price, at most 0; -1.5 is usual for software."""

    reference_usd_per_month: float = 0.0
    """Price at which the demand above was estimated; the plan's own price if 0."""

    seasonality: tuple[float, ...] = ()
    """Twelve factors on new customers from the first month on; scaled to a mean of 1."""

    free_users_per_customer: float = 0.0
    """Users of the free tier for each paying customer."""

    free_tokens_per_user_month: float = 0.0
    """Their use; its serving is sales and marketing, not cost of goods."""

    acquisition_usd: Distribution = ZERO
    """Marketing spent per new customer (CAC), salaries of sellers not included."""

    def __post_init__(self) -> None:
        check_ranges(
            self,
            shares=("innovation_per_month", "imitation_per_month", "churn_per_month", "first_month_churn"),
            rates=("growth_per_month", "usage_growth_per_month"),
            not_negative=(
                "market_customers", "new_customers_per_month", "starting_customers", "churn_customers_observed",
                "tokens_per_customer_month", "heaviness_sigma", "reference_usd_per_month", "free_users_per_customer",
                "free_tokens_per_user_month", "acquisition_usd",
            ),
        )  # fmt: skip
        if self.seasonality and (len(self.seasonality) != 12 or min(self.seasonality) < 0 or not sum(self.seasonality)):
            raise InputError(f"seasonality of {self.name}", self.seasonality, "twelve factors, none negative")
        if self.price_elasticity > 0:
            raise InputError(f"price_elasticity of {self.name}", self.price_elasticity, "at most 0")
