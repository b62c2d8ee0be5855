"""What a team can have by the hour: accelerators at market prices, under its contracts, and those that it owns.

team_offers(team, at)       every accelerator that can be priced on a day, the team's own terms among them
owned_offers(team)          what the team owns
contract_offers(team, at)   what its running contracts give it
market_offers(at)           the medians of comparable offers
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from django.utils.translation import gettext as _

from economics.uncertainty import Interval
from webapp.catalogue.contracts import Terms, contract_terms, contracts_running
from webapp.catalogue.freshness import Ranked
from webapp.catalogue.models import Accelerator, Contract, OwnHardware, Term
from webapp.catalogue.ownership import hardware_hour
from webapp.catalogue.services import LEAST_SPREAD, PriceFound, fresh_by_accelerator, offers_fresh
from webapp.teams.models import Team


@dataclass(frozen=True, kw_only=True, slots=True)
class HourOffer:
    """An accelerator by the hour on some terms."""

    key: str
    """Names it in addresses: `market:H100 SXM`, `contract:<code>:H100 SXM`, `own:<code>`."""

    name: str
    accelerator: Accelerator
    usd_per_hour: float
    """After the discount; of own hardware, the formula of owning."""

    spread: float
    """Standard deviation of ln(price)."""

    note: str
    """Where the price comes from, for people."""

    terms: Terms | None = None
    """Of the contract that it is under."""

    @property
    def is_own(self) -> bool:
        return self.key.startswith("own:")

    def to_pay(self, usd: Interval) -> Interval:
        """Return what of a cost at the hour's price leaves the bank."""
        return self.terms.to_pay(usd) if self.terms else usd


def team_offers(team: Team, at: date) -> list[HourOffer]:
    """Return what the team owns, what its contracts give it, and the market's prices of the day."""
    return [*owned_offers(team), *contract_offers(team, at), *market_offers(at)]


def market_offers(at: date) -> Iterator[HourOffer]:
    """Yield each accelerator that has comparable offers of the day, at their median."""
    for accelerator, price in fresh_by_accelerator(at).items():
        yield _market(accelerator, price)


def _market(accelerator: Accelerator, price: PriceFound) -> HourOffer:
    return HourOffer(
        key=f"market:{accelerator.name}", name=accelerator.name, accelerator=accelerator,
        usd_per_hour=price.usd_per_hour, spread=price.spread, note=price.note,
    )  # fmt: skip


def owned_offers(team: Team) -> Iterator[HourOffer]:
    """Yield the team's devices; one that the catalogue does not know cannot be reckoned with."""
    for hardware in OwnHardware.objects.filter(team=team, accelerator__isnull=False).select_related("accelerator"):
        assert hardware.accelerator is not None
        yield HourOffer(
            key=f"own:{hardware.code}", name=_("%s (own)") % hardware.name, accelerator=hardware.accelerator,
            usd_per_hour=hardware_hour(hardware).usd_per_hour, spread=LEAST_SPREAD,
            note=_("own hardware, by the formula of owning"),
        )  # fmt: skip


def contract_offers(team: Team, at: date) -> Iterator[HourOffer]:
    """Yield each accelerator of each running contract, at the provider's cheapest price of the day less the discount."""
    contracts = contracts_running(team, on=at)
    fresh = offers_fresh(at, term=Term.ON_DEMAND) if contracts else []
    for contract in contracts:
        for accelerator, list_usd, source in _list_prices(contract, fresh):
            terms = contract_terms(contract, list_usd_per_hour=list_usd, on=at)
            yield HourOffer(
                key=f"contract:{contract.code}:{accelerator.name}",
                name=_("%(accelerator)s (%(provider)s, contract)")
                % {"accelerator": accelerator.name, "provider": contract.provider},
                accelerator=accelerator, usd_per_hour=terms.usd_per_hour, spread=LEAST_SPREAD,
                note=f"{source}; {terms.words()}", terms=terms,
            )  # fmt: skip


def _list_prices(contract: Contract, fresh: list[Ranked]) -> Iterator[tuple[Accelerator, float, str]]:
    """Yield accelerator, list price and its source: the provider's own, or the market's where it has none on record."""
    wanted = contract.provider.strip().casefold()
    seen: set[int] = set()
    for row in fresh:  # cheapest first
        accelerator = row.price.accelerator
        if accelerator is None or row.price.provider.strip().casefold() != wanted or accelerator.pk in seen:
            continue
        if contract.accelerator_id in (None, accelerator.pk):
            seen.add(accelerator.pk)
            yield accelerator, float(row.price.usd_per_hour), _("list price of %s") % f"{row.price.seen_on:%Y-%m-%d}"
    if contract.accelerator is not None and not seen:
        others = [float(row.price.usd_per_hour) for row in fresh if row.price.accelerator_id == contract.accelerator_id]
        if others:
            yield (
                contract.accelerator,
                others[len(others) // 2],
                _("no list price of the provider: the market's median"),
            )
