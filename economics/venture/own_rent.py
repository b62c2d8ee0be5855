r"""Own or rent: the cost of an available hour of one's own device against the levelised rent of the same term.

    own   =  [ (K - RV / (1 + r)^n) CRF(r, n) + opex ]  /  (8760 x availability),        CRF = r / (1 - (1 + r)^-n)
    rent  =  the even price worth as much, over the same n years, as one that falls each year

A rented hour is paid only when used, an owned one always; owning pays above the utilisation own / rent.
"""

from __future__ import annotations

from dataclasses import dataclass

from economics.errors import InputError
from economics.ownership import HOURS_PER_YEAR, annuity_factor, levelised_rent_usd_per_hour


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnVersusRent:
    """Both prices of an hour, and the utilisation at which they meet."""

    own_usd_per_available_hour: float
    """Cost of an hour in which the device could work."""

    rent_usd_per_hour: float
    """Levelised rent."""

    break_even_utilisation_fraction: float
    """Share of available hours that must be used for owning to pay; above 1 it never does."""

    parts_usd_per_year: dict[str, float]
    """Capital and operation of one device."""

    book_depreciation_usd_per_year: float
    """Straight line over the life in the books: what the profit and loss shows. The decision uses the economic life."""


def own_versus_rent(
    *,
    purchase_usd: float,
    economic_life_years: float,
    residual_fraction: float,
    rate_per_year: float,
    opex_usd_per_year: float,
    rent_usd_per_hour: float,
    rent_decline_per_year: float = 0.0,
    availability_fraction: float = 1.0,
    book_life_years: float | None = None,
) -> OwnVersusRent:
    """Compare owning a device with renting it.

    Parameters
    ----------
    purchase_usd : K, with the device's share of server and network
    economic_life_years : years until it is no longer worth running; not the life in the books
    residual_fraction : resale over purchase price at that time
    rate_per_year : cost of capital
    opex_usd_per_year : power, space, repair, staff
    rent_usd_per_hour : today's; it falls by `rent_decline_per_year`
    availability_fraction : share of hours in which the device is not broken

    >>> found = own_versus_rent(purchase_usd=30_000, economic_life_years=4, residual_fraction=0.2, rate_per_year=0.15,
    ...                         opex_usd_per_year=4_000, rent_usd_per_hour=2.5, rent_decline_per_year=0.2)
    >>> round(found.break_even_utilisation_fraction, 2)
    0.79
    """
    if not 0 < availability_fraction <= 1:
        raise InputError("availability_fraction", availability_fraction, "above 0 and at most 1")
    for field, value in (("purchase_usd", purchase_usd), ("opex_usd_per_year", opex_usd_per_year)):
        if not value >= 0:
            raise InputError(field, value, "at least 0")
    if not 0 <= residual_fraction <= 1:
        raise InputError("residual_fraction", residual_fraction, "a share from 0 to 1")
    if not rate_per_year > -1:
        raise InputError("rate_per_year", rate_per_year, "above -1")
    if not rent_decline_per_year < 1:
        raise InputError("rent_decline_per_year", rent_decline_per_year, "below 1")
    if not rent_usd_per_hour > 0:
        raise InputError("rent_usd_per_hour", rent_usd_per_hour, "positive")
    residual = residual_fraction * purchase_usd / (1 + rate_per_year) ** economic_life_years
    capital = (purchase_usd - residual) * annuity_factor(rate_per_year, economic_life_years)
    own = (capital + opex_usd_per_year) / (HOURS_PER_YEAR * availability_fraction)
    rent = levelised_rent_usd_per_hour(
        rent_usd_per_hour=rent_usd_per_hour,
        yearly_decline=rent_decline_per_year,
        years=economic_life_years,
        rate=rate_per_year,
    )
    return OwnVersusRent(
        own_usd_per_available_hour=own,
        rent_usd_per_hour=rent,
        break_even_utilisation_fraction=own / rent,
        parts_usd_per_year={"capital": capital, "operation": opex_usd_per_year},
        book_depreciation_usd_per_year=purchase_usd
        * (1 - residual_fraction)
        / (book_life_years or economic_life_years),
    )
