"""What a venture is: segments of customers, price plans, serving, training, people, other costs, funding.

Every money amount is in US dollars before tax. Months count from 0, the first month of the plan. A number may be a
distribution wherever the field says so; it is drawn once per path.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from economics.errors import InputError
from economics.uncertainty import Beta, Distribution, Fixed

ZERO = Fixed(0.0)
INNOVATION = Fixed(0.0025)
"""Bass's p a month: 0.03 a year is usual."""
IMITATION = Fixed(0.03)
"""Bass's q a month: 0.38 a year is usual."""
USUAL_CHURN = Beta(2.0, 38.0)
"""5 % a month, worth 40 customer-months: a young product for small businesses."""
REPLICA_RATE = Fixed(2000.0)
RENT = Fixed(2.5)
RENT_DECLINE = Fixed(0.2)

Department = Literal["cost_of_goods", "research", "sales", "general"]


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
        if self.seasonality and (len(self.seasonality) != 12 or min(self.seasonality) < 0 or not sum(self.seasonality)):
            raise InputError(f"seasonality of {self.name}", self.seasonality, "twelve factors, none negative")
        if self.price_elasticity > 0:
            raise InputError(f"price_elasticity of {self.name}", self.price_elasticity, "at most 0")


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
        if self.department not in ("cost_of_goods", "research", "sales", "general"):
            raise InputError(f"department of {self.name}", self.department, "cost_of_goods, research, sales or general")


@dataclass(frozen=True, slots=True, kw_only=True)
class Funding:
    """Money that comes in."""

    month: int
    """When."""

    amount_usd: float
    """How much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudCredits:
    """A provider's credits: they pay bills for compute, so they save cash; the cost stays what it is."""

    amount_usd: float
    """Face value."""

    start_month: int = 0
    """First month they can pay."""

    expire_month: int = 12
    """First month they no longer can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Discounting:
    """How later and riskier money counts less: a venture rate, or a plain rate with simulated failure; never both."""

    venture_rate_per_year: float | None = None
    """A rate that already holds the chance of failure, such as 0.4."""

    rate_per_year: float | None = None
    """A plain rate, such as 0.12."""

    failure_per_year: float = 0.0
    """Chance a year that the venture ends, simulated path by path."""

    def __post_init__(self) -> None:
        if self.venture_rate_per_year is not None and (self.failure_per_year > 0 or self.rate_per_year is not None):
            raise InputError(
                "discounting",
                "a venture rate together with a plain rate or simulated failure",
                "one or the other: a venture rate already holds the chance of failure",
            )
        if not 0 <= self.failure_per_year < 1:
            raise InputError("failure_per_year", self.failure_per_year, "a share from 0 to below 1")

    @property
    def annual_rate(self) -> float:
        """The rate that applies; 0.4 a year unless said otherwise."""
        if self.venture_rate_per_year is not None:
            return self.venture_rate_per_year
        if self.rate_per_year is not None:
            return self.rate_per_year
        return 0.12 if self.failure_per_year else 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Venture:
    """All of it."""

    segments: tuple[Segment, ...]
    """Customers; at least one segment."""

    serving: Serving = field(default_factory=Serving)
    """How tokens are served."""

    training: tuple[Training, ...] = ()
    """Training projects."""

    people: tuple[Role, ...] = ()
    """Payroll."""

    other_costs: tuple[OtherCost, ...] = ()
    """Everything else."""

    payroll_overhead_fraction: float = 0.25
    """Taxes and benefits on salaries."""

    opening_cash_usd: float = 0.0
    """Cash when the plan begins."""

    funding: tuple[Funding, ...] = ()
    """Rounds agreed."""

    credits: tuple[CloudCredits, ...] = ()
    """Cloud credits."""

    discounting: Discounting = field(default_factory=Discounting)
    """Rate or simulated failure."""

    launch_month: int = 0
    """First month that sells; costs of people and training do not wait for it."""

    months: int = 60
    """Horizon."""

    demand_sigma: float = 0.1
    """Standard deviation of ln of each month's new customers about the plan: luck of the month."""

    crowd_noise: float = 1.0
    """Weight of the luck of who the customers are, heavy or light users; 0, with fixed inputs, is the central case."""

    def __post_init__(self) -> None:
        if not self.segments:
            raise InputError("segments", "none", "at least one")
        if not 1 <= self.months <= 240:
            raise InputError("months", self.months, "between 1 and 240")
        names = [segment.name for segment in self.segments]
        if len(set(names)) < len(names):
            raise InputError("segments", names, "of different names")
