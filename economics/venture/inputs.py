"""What a venture is as a whole: what it sells, what it pays for, how it is funded and discounted.

Every money amount is in US dollars before tax. Months count from 0, the first month of the plan. A number may be a
distribution wherever the field says so; it is drawn once per path.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from economics.errors import InputError
from economics.venture.costs import OtherCost, Role, Serving, Training
from economics.venture.ranges import check_ranges
from economics.venture.selling import Segment


@dataclass(frozen=True, slots=True, kw_only=True)
class Funding:
    """Money that comes in."""

    month: int
    """When."""

    amount_usd: float
    """How much."""

    def __post_init__(self) -> None:
        check_ranges(self, not_negative=("month", "amount_usd"))


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudCredits:
    """A provider's credits: they pay bills for compute, so they save cash; the cost stays what it is."""

    amount_usd: float
    """Face value."""

    start_month: int = 0
    """First month they can pay."""

    expire_month: int = 12
    """First month they no longer can."""

    def __post_init__(self) -> None:
        check_ranges(self, not_negative=("amount_usd", "start_month", "expire_month"))


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
        for rate in (self.venture_rate_per_year, self.rate_per_year):
            if rate is not None and not rate > -1:
                raise InputError("discounting", rate, "a rate above -1")
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
        check_ranges(
            self, not_negative=("payroll_overhead_fraction", "launch_month", "demand_sigma", "crowd_noise"),
        )  # fmt: skip
        if not 1 <= self.months <= 240:
            raise InputError("months", self.months, "between 1 and 240")
        names = [segment.name for segment in self.segments]
        if len(set(names)) < len(names):
            raise InputError("segments", names, "of different names")
