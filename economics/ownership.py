"""What an hour of one's own hardware costs."""

from __future__ import annotations

from dataclasses import dataclass

from economics.errors import InputError

HOURS_PER_YEAR = 8760.0


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnedHour:
    """USD per device and useful hour, by part; the total is the sum."""

    capital_usd_per_hour: float
    electricity_usd_per_hour: float
    other_usd_per_hour: float
    parts: dict[str, float]
    """The formula's numbers by name: annuity factor, capital per year, useful hours per year, kilowatts."""

    @property
    def total_usd_per_hour(self) -> float:
        """What a job should be charged for one device-hour."""
        return self.capital_usd_per_hour + self.electricity_usd_per_hour + self.other_usd_per_hour


def annuity_factor(rate: float, years: float) -> float:
    """Return the capital recovery factor r / (1 - (1+r)^-n): the yearly payment that repays 1 in n years.

    At a rate of 0 it is 1/n.

    >>> round(annuity_factor(0.15, 4), 4), annuity_factor(0.0, 4)
    (0.3503, 0.25)
    """
    if years <= 0:
        raise InputError("life_years", years, "above 0")
    if rate < 0:
        raise InputError("rate", rate, "at least 0")
    return 1.0 / years if rate == 0 else rate / (1.0 - float((1.0 + rate) ** -years))


def owned_hour(
    *,
    purchase_usd: float,
    life_years: float = 4.0,
    residual_fraction: float = 0.1,
    cost_of_capital: float = 0.1,
    watts: float = 0.0,
    idle_watts: float = 0.0,
    pue: float = 1.0,
    electricity_usd_per_kwh: float = 0.15,
    other_usd_per_year: float = 0.0,
    utilisation: float = 0.5,
) -> OwnedHour:
    """Return what one useful hour of an owned device costs.

    Capital: (K - RV/(1+r)^n) CRF(r, n) + yearly other costs, over 8,760 hours x utilisation. The price of the device
    (with its share of the server) less what its sale will bring, as an even yearly payment at the cost of capital.
    Electricity: working watts x PUE x tariff; what it draws while idle is charged to the useful hours as well.
    Left out: tax and the engineer's time, unless put under `other_usd_per_year`.

    Parameters
    ----------
    purchase_usd : price of the device with its share of server and network
    life_years : economic life, > 0 (not the life in the books)
    residual_fraction : price at its end over the purchase price, 0 to 1
    cost_of_capital : per year, 0.1 for 10 %
    watts, idle_watts : at the wall, per device, working and idle
    utilisation : share of all hours in which the device does useful work, above 0 up to 1

    >>> hour = owned_hour(purchase_usd=30_000, life_years=4, residual_fraction=0.2, cost_of_capital=0.15,
    ...                   other_usd_per_year=4_000, utilisation=1.0)
    >>> round(hour.total_usd_per_hour, 3)
    1.519
    """
    if purchase_usd < 0:
        raise InputError("purchase_usd", purchase_usd, "at least 0")
    if not 0 < utilisation <= 1:
        raise InputError("utilisation", utilisation, "above 0 and at most 1")
    if not 0 <= residual_fraction <= 1:
        raise InputError("residual_fraction", residual_fraction, "between 0 and 1")
    factor = annuity_factor(cost_of_capital, life_years)
    residual = residual_fraction * purchase_usd / (1.0 + cost_of_capital) ** life_years
    capital_per_year = (purchase_usd - residual) * factor
    useful_hours = HOURS_PER_YEAR * utilisation
    kilowatts = (watts + idle_watts * (1.0 - utilisation) / utilisation) * pue / 1000.0
    return OwnedHour(
        capital_usd_per_hour=capital_per_year / useful_hours,
        electricity_usd_per_hour=kilowatts * electricity_usd_per_kwh,
        other_usd_per_hour=other_usd_per_year / useful_hours,
        parts={
            "annuity_factor": factor,
            "present_residual_usd": residual,
            "capital_usd_per_year": capital_per_year,
            "useful_hours_per_year": useful_hours,
            "kilowatts_per_useful_hour": kilowatts,
            "electricity_usd_per_kwh": electricity_usd_per_kwh,
        },
    )


def levelised_rent_usd_per_hour(*, rent_usd_per_hour: float, yearly_decline: float, years: float, rate: float) -> float:
    """Return the even rent worth as much as one that falls each year, over the same term.

    Year k (from 0) costs p (1 - g)^k, paid in the middle of the year; the even rent has the same present value.

    >>> round(levelised_rent_usd_per_hour(rent_usd_per_hour=2.5, yearly_decline=0.2, years=4, rate=0.15), 3)
    1.916
    """
    whole = max(1, round(years))
    weights = [float((1.0 + rate) ** -(k + 0.5)) for k in range(whole)]
    rents = [rent_usd_per_hour * float((1.0 - yearly_decline) ** k) for k in range(whole)]
    return sum(w * p for w, p in zip(weights, rents, strict=True)) / sum(weights)


def break_even_utilisation(
    *,
    purchase_usd: float,
    life_years: float,
    residual_fraction: float,
    cost_of_capital: float,
    other_usd_per_year: float,
    rent_usd_per_hour: float,
    rent_yearly_decline: float = 0.0,
) -> float:
    """Return the utilisation above which owning is cheaper than renting the same useful hours.

    [(K - RV/(1+r)^n) CRF(r, n) + opex] / (8760 x rent), the rent levelised over the same term. Above 1 owning
    never pays.

    >>> round(break_even_utilisation(purchase_usd=30_000, life_years=4, residual_fraction=0.2, cost_of_capital=0.15,
    ...     other_usd_per_year=4_000, rent_usd_per_hour=2.5, rent_yearly_decline=0.2), 2)
    0.79
    """
    own = owned_hour(
        purchase_usd=purchase_usd, life_years=life_years, residual_fraction=residual_fraction,
        cost_of_capital=cost_of_capital, other_usd_per_year=other_usd_per_year, utilisation=1.0,
    )  # fmt: skip
    rent = levelised_rent_usd_per_hour(
        rent_usd_per_hour=rent_usd_per_hour, yearly_decline=rent_yearly_decline, years=life_years, rate=cost_of_capital
    )
    return own.total_usd_per_hour / rent
