"""What hours cost under a contract: reserved hours first, then the discounted price, then credits pay of that."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import Sum

from webapp.catalogue.models import Contract

ZERO = Decimal(0)
CENT = Decimal("0.01")


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
    list_usd = (Decimal(repr(paid_hours)) * list_usd_per_hour).quantize(CENT)
    share = Decimal(repr(contract.discount_fraction)) if left.is_running else ZERO
    discount = (list_usd * share).quantize(CENT)
    by_credits = min(left.credits_usd, list_usd - discount)
    return Bill(
        hours=hours, reserved_hours=reserved, paid_hours=paid_hours, list_usd=list_usd, discount_usd=discount,
        credits_usd=by_credits, to_pay_usd=list_usd - discount - by_credits,
    )  # fmt: skip
