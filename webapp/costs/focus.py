"""The words of FOCUS, and cells of a file read as amounts, moments and words; a `ValueError` says what is wrong with one.

https://focus.finops.org
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _

from webapp.ui.bounds import FIRST_DAY

FARTHEST = timedelta(days=5 * 366)
"""How far ahead a charge may reach: a reservation of three years, paid at its start."""

FIELDS = {
    "billed_cost": "BilledCost",
    "effective_cost": "EffectiveCost",
    "list_cost": "ListCost",
    "currency": "BillingCurrency",
    "starts_at": "ChargePeriodStart",
    "ends_at": "ChargePeriodEnd",
    "service": "ServiceName",
    "category": "ServiceCategory",
    "charge_category": "ChargeCategory",
    "charge_class": "ChargeClass",
    "commitment_id": "CommitmentDiscountId",
    "commitment_status": "CommitmentDiscountStatus",
    "description": "ChargeDescription",
    "resource_id": "ResourceId",
    "quantity": "ConsumedQuantity",
    "unit": "ConsumedUnit",
    "provider": "ServiceProviderName",
    "number": "InvoiceId",
}
"""Our field -> FOCUS's column."""
OLDER_NAMES = {"provider": ("ProviderName", "InvoiceIssuerName")}
"""What a column was called before FOCUS 1.3."""
NEEDED_OF_FOCUS = (
    "billed_cost", "effective_cost", "list_cost", "currency", "starts_at", "ends_at", "service", "charge_category",
)  # fmt: skip
NEEDED_OF_MAP = ("billed_cost", "starts_at", "service")
CHARGE_CATEGORIES = ("Usage", "Purchase", "Tax", "Credit", "Adjustment")
COMMITMENT_STATUSES = ("", "Used", "Unused")
CHARGE_CLASSES = ("", "Correction")


def amount_in(given: Mapping[str, str], name: str, *, needed: bool) -> Decimal | None:
    """Return an amount to eight places; None where the cell is empty and need not be there."""
    text = given.get(name, "")
    if not text:
        if needed:
            raise ValueError(_("%s is empty.") % FIELDS[name])
        return None
    told = {"column": FIELDS[name], "text": text[:40]}
    try:
        number = Decimal(_with_point(text))
    except InvalidOperation:
        raise ValueError(_("%(column)s is %(text)r, which is not a number.") % told) from None
    if number.is_nan():
        raise ValueError(_("%(column)s is %(text)r, which is not a number.") % told)
    if not number.is_finite() or abs(number) >= Decimal(10) ** 11:
        raise ValueError(_("%(column)s is %(text)s; no charge is that large.") % told)
    return number.quantize(Decimal("0.00000001"))


def _with_point(text: str) -> str:
    """1,234.56 and 1.234,56 -> 1234.56; 12,5 -> 12.5. What could be both, as 1,234, is left as it is: no number."""
    if "," not in text:
        return text
    if re.fullmatch(r"[-+]?\d{1,3}(,\d{3})+\.\d*|[-+]?\d{1,3}(,\d{3}){2,}", text):
        return text.replace(",", "")
    if re.fullmatch(r"[-+]?\d{1,3}(\.\d{3})+,\d*|[-+]?\d+,(\d{1,2}|\d{4,})", text):
        return text.replace(".", "").replace(",", ".")
    return text


def plain_day(text: str) -> str:
    """2026/11/3, 3.11.2026 and 2026年11月3日 -> 2026-11-03. 3/11/2026 could be two days and is left as it is: no day."""
    found = re.fullmatch(r"(?P<y>\d{4})(?:[/.]|年)(?P<m>\d{1,2})(?:[/.]|月)(?P<d>\d{1,2})日?", text) or re.fullmatch(
        r"(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4})", text
    )
    return f"{found['y']}-{int(found['m']):02}-{int(found['d']):02}" if found else text


def moment_in(given: Mapping[str, str], name: str) -> datetime:
    """Return a time with its zone; a day alone is its beginning."""
    text = plain_day(given.get(name, ""))
    try:
        found = parse_datetime(text)
        day = None if found else parse_date(text)
    except ValueError:
        found = day = None
    if found is None and day is not None:
        found = datetime.combine(day, datetime.min.time())
    if found is None:
        said = _("%(column)s is %(text)r; write a day as 2026-11-23, a time as 2026-11-23T00:00:00Z.")
        raise ValueError(said % {"column": FIELDS[name], "text": text[:40]})
    if not FIRST_DAY <= found.date() <= timezone.localdate() + FARTHEST:
        raise ValueError(
            _("%(column)s is %(text)s; no invoice is of that time.") % {"column": FIELDS[name], "text": text[:40]}
        )
    return found if timezone.is_aware(found) else timezone.make_aware(found, timezone.get_default_timezone())


def word_in(given: Mapping[str, str], name: str, allowed: tuple[str, ...], *, default: str) -> str:
    """Return the allowed word that the cell holds, however it is written."""
    text = given.get(name, "") or default
    if text.lower() in ("null", "none"):
        text = ""
    match = next((word for word in allowed if word.lower() == text.lower()), None)
    if match is None:
        words = ", ".join(word or _("empty") for word in allowed)
        raise ValueError(
            _("%(column)s is %(text)r; FOCUS knows %(words)s.")
            % {"column": FIELDS[name], "text": text[:40], "words": words}
        )
    return match
