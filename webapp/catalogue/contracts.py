"""What hours cost under a contract: reserved hours first, then the discounted price, then credits pay of that."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import Q, Sum
from django.utils.translation import gettext as _

from economics.catalogue.accelerators import find_accelerator
from economics.errors import EconomicsError
from economics.uncertainty import Interval
from webapp.catalogue.models import Contract
from webapp.teams.models import Team

ZERO = Decimal(0)
SMALLEST_USD = Decimal("0.00000001")
"""Amounts are rounded where they are shown: an hour of a small device is worth less than a cent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Left:
    """What is left of a contract on a day."""

    reserved_hours: float
    credits_usd: Decimal
    """0 once they expired."""

    is_running: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Bill:
    """What some hours cost, by part; `to_pay_usd` is what leaves the bank."""

    hours: float
    reserved_hours: float
    paid_hours: float
    list_usd: Decimal
    """Of the paid hours, without the contract."""

    discount_usd: Decimal
    credits_usd: Decimal
    to_pay_usd: Decimal
    worth_usd: Decimal
    """All hours at the discounted price, whoever pays for them: reserved hours and credits are worth as much."""

    contract: str

    def as_basis(self) -> dict[str, str]:
        """Return the bill as a ledger entry keeps it."""
        return {
            "name": self.contract, "reserved_hours": f"{self.reserved_hours:.6g}", "discount_usd": str(self.discount_usd),
            "credits_usd": str(self.credits_usd), "to_pay_usd": str(self.to_pay_usd),
        }  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """What a contract makes of an hour today, as quotes reckon with it."""

    name: str
    list_usd_per_hour: float
    usd_per_hour: float
    """After the discount."""

    reserved_hours: float
    credits_usd: float

    def to_pay(self, usd: Interval) -> Interval:
        """Return what of a cost at the hour's price is left to pay: reserved hours are used first, then credits pay."""
        covered = self.reserved_hours * self.usd_per_hour + self.credits_usd
        return Interval(*(max(0.0, value - covered) for value in usd))

    def words(self) -> str:
        """Return the terms in a line, for people."""
        parts = []
        if self.usd_per_hour < self.list_usd_per_hour:
            off = 100 * (1 - self.usd_per_hour / self.list_usd_per_hour)
            parts.append(_("%s %% off") % f"{off:.3g}")
        if self.reserved_hours:
            parts.append(_("%s reserved hours left, used first") % f"{self.reserved_hours:,.4g}")
        if self.credits_usd:
            parts.append(_("%s USD of credits left") % f"{self.credits_usd:,.4g}")
        return "; ".join(parts) or _("no discount, and nothing left of it")


def contract_terms(contract: Contract, *, list_usd_per_hour: float, on: date) -> Terms:
    """Return what the contract makes of an hour at a list price on a day."""
    left = contract_left(contract, on=on)
    return Terms(
        name=str(contract), list_usd_per_hour=list_usd_per_hour,
        usd_per_hour=list_usd_per_hour * (1 - contract.discount_fraction if left.is_running else 1.0),
        reserved_hours=left.reserved_hours, credits_usd=float(left.credits_usd),
    )  # fmt: skip


def contracts_running(team: Team, *, on: date) -> list[Contract]:
    """Return the team's contracts that hold on a day, the oldest first: what was agreed first is used up first."""
    running = Contract.objects.filter(Q(ends_on=None) | Q(ends_on__gte=on), team=team, starts_on__lte=on)
    return list(running.select_related("accelerator").order_by("starts_on", "pk"))


def contract_for(team: Team, *, provider: str, device: str, on: date) -> Contract | None:
    """Return the contract that bears hours of a provider's device; None where the team has none.

    `device` is what the provider or the machine calls it; a contract without an accelerator is for any.
    """
    wanted = provider.strip().casefold()
    if not wanted:
        return None
    for contract in contracts_running(team, on=on):
        if contract.provider.strip().casefold() == wanted and _is_of(contract, device):
            return contract
    return None


def _is_of(contract: Contract, device: str) -> bool:
    if contract.accelerator is None:
        return True
    try:
        return find_accelerator(device).name == contract.accelerator.name
    except EconomicsError:
        return False


def contract_left(contract: Contract, *, on: date) -> Left:
    """Return what is left of the contract on a day, after the uses up to it."""
    used = contract.uses.filter(used_on__lte=on).aggregate(
        hours=Sum("hours", default=0.0), credits=Sum("credits_usd", default=ZERO)
    )
    running = contract.starts_on <= on and (contract.ends_on is None or on <= contract.ends_on)
    expired = contract.credits_until is not None and on > contract.credits_until
    return Left(
        reserved_hours=max(0.0, contract.reserved_hours - used["hours"]) if running else 0.0,
        credits_usd=ZERO if expired or not running else max(ZERO, contract.credits_usd - used["credits"]),
        is_running=running,
    )


def contract_bill(contract: Contract, *, hours: float, list_usd_per_hour: Decimal, on: date) -> Bill:
    """Return what accelerator-hours cost on a day under the contract."""
    left = contract_left(contract, on=on)
    reserved = min(hours, left.reserved_hours)
    paid_hours = hours - reserved
    share = 1 - Decimal(repr(contract.discount_fraction if left.is_running else 0.0))
    list_usd = (Decimal(repr(paid_hours)) * list_usd_per_hour).quantize(SMALLEST_USD)
    discounted = (list_usd * share).quantize(SMALLEST_USD)
    by_credits = min(left.credits_usd, discounted)
    worth = (Decimal(repr(hours)) * list_usd_per_hour * share).quantize(SMALLEST_USD)
    return Bill(
        hours=hours, reserved_hours=reserved, paid_hours=paid_hours, list_usd=list_usd,
        discount_usd=list_usd - discounted, credits_usd=by_credits, to_pay_usd=discounted - by_credits, worth_usd=worth,
        contract=str(contract),
    )  # fmt: skip
