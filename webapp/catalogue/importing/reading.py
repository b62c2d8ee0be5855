"""Reads files of prices, row by row: what can be read becomes an offer, what cannot is refused with its reason."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec
from django.utils.translation import gettext as _

from webapp.catalogue import freshness
from webapp.catalogue.importing.names import accelerator_named
from webapp.catalogue.models import Term

MAX_ROWS = 100_000
MAX_REFUSED = 500
SIX = Decimal("0.000001")
Row = Mapping[str, str]


class NotReadable(Exception):
    """The file as a whole cannot be read; the message says why and what to do."""


class Refused(Exception):
    """A row cannot be taken; the message says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """One offer as a file has it, per accelerator-hour."""

    provider: str
    accelerator: str
    """Its name in the catalogue, or the provider's own where the catalogue does not know it."""

    is_known: bool
    instance: str
    count: int
    term: str
    region: str
    amount: Decimal
    currency: str
    usd_per_currency: Decimal
    rate_on: date | None
    has_tax: bool
    seen_on: date
    source: str
    marks: str = ""

    @property
    def usd_per_hour(self) -> Decimal:
        return (self.amount * self.usd_per_currency).quantize(SIX)

    def to_dict(self) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Offer:
        return msgspec.convert(plain, cls, strict=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Read:
    """What was found in a file."""

    offers: list[Offer]
    refused: list[tuple[int, str]]
    """(line, why); at most `MAX_REFUSED` are kept, `num_refused` counts all."""

    num_refused: int
    num_without_accelerator: int = 0
    """Rows of machines without one: nothing is wrong with them, they are not what is asked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """What a file does not say of itself."""

    provider: str
    seen_on: date
    source: str


Reader = Callable[[Row, Setting], Iterator[Offer]]
"""A row -> its offers; several where a row has prices of several terms, none where it has no accelerator."""


def read_offers(text: str, reader: Reader, *, columns: set[str], setting: Setting) -> Read:
    """Read a CSV whose header must hold `columns`."""
    rows = csv.DictReader(io.StringIO(text.lstrip("\ufeff"), newline=""))
    header = {(name or "").strip() for name in rows.fieldnames or []}
    if missing := sorted(columns - header):
        raise NotReadable(
            _("The first line lacks the columns %(missing)s. It has: %(header)s.")
            % {"missing": ", ".join(missing), "header": ", ".join(sorted(header))[:300] or _("nothing")}
        )
    offers: list[Offer] = []
    refused: list[tuple[int, str]] = []
    num_refused = num_without = 0
    for line, raw in enumerate(rows, start=2):
        if line > MAX_ROWS + 1:
            raise NotReadable(_("The file has more than %(n)d rows; cut it into several.") % {"n": MAX_ROWS})
        row = {str(key).strip(): (value or "").strip() for key, value in raw.items() if isinstance(value, str)}
        try:
            found = list(reader(row, setting))
        except Refused as refusal:
            num_refused += 1
            if len(refused) < MAX_REFUSED:
                refused.append((line, str(refusal)))
            continue
        num_without += not found
        offers.extend(found)
    return Read(offers=offers, refused=refused, num_refused=num_refused, num_without_accelerator=num_without)


def number(row: Row, column: str, *, at_least: Decimal = Decimal(0)) -> Decimal:
    """Return a number of a row; refuse the row if it is none."""
    text = row.get(column, "")
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise Refused(_("%(column)s is “%(text)s”, not a number") % {"column": column, "text": text[:40]}) from None
    if not value.is_finite() or value < at_least:
        raise Refused(
            _("%(column)s is %(text)s; it must be at least %(least)s")
            % {"column": column, "text": text[:40], "least": at_least}
        )
    if value > Decimal(1_000_000):
        raise Refused(_("%(column)s is %(text)s, more than anything costs") % {"column": column, "text": text[:40]})
    return value


def whole(row: Row, column: str) -> int:
    """Return a whole number of at least 1 (8 or 8.0); refuse the row if it is none."""
    value = number(row, column, at_least=Decimal(1))
    if value != value.to_integral_value() or value > 10_000:
        raise Refused(
            _("%(column)s is %(text)s; it must be a whole number from 1 to 10,000")
            % {"column": column, "text": row[column][:40]}
        )
    return int(value)


def day(text: str, column: str) -> date:
    """Return a day up to today; refuse the row if it is none."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise Refused(
            _("%(column)s is “%(text)s”, not a date such as 2026-11-23") % {"column": column, "text": text[:40]}
        ) from None
    if found > freshness.today():
        raise Refused(_("%(column)s is %(text)s, a day that has not come yet") % {"column": column, "text": text[:40]})
    return found


def term(text: str) -> str:
    """Return a term of the catalogue; refuse the row if it is none."""
    if text not in Term.values:
        raise Refused(
            _("term is “%(text)s”; it must be one of %(terms)s") % {"text": text[:40], "terms": ", ".join(Term.values)}
        )
    return text


def offer(
    setting: Setting, *, accelerator: str, instance: str, count: int, term: str, region: str, amount: Decimal,
    **more: Any,
) -> Offer:  # fmt: skip
    """Return an offer, with the setting for what the row does not say. `amount` is per accelerator-hour."""
    name, is_known = accelerator_named(accelerator)
    values: dict[str, Any] = {
        "provider": setting.provider, "currency": "USD", "usd_per_currency": Decimal(1), "rate_on": None,
        "has_tax": False, "seen_on": setting.seen_on, "source": setting.source, **more,
    }  # fmt: skip
    if not values["provider"]:
        raise Refused(_("the file does not name a provider; give one beside the file"))
    if not re.fullmatch(r"[A-Z]{3}", values["currency"]):
        raise Refused(_("currency is “%s”; it must be a code such as USD or EUR") % values["currency"][:10])
    return Offer(
        accelerator=name[:80], is_known=is_known, instance=instance[:120], count=count, term=term, region=region[:120],
        amount=amount.quantize(SIX), **values,
    )  # fmt: skip
