"""Charges read from a provider's file: FOCUS 1.0 to 1.4, or any table through a map of its columns.

Each row becomes a `Charge` or a sentence that says what is wrong with it and where; nothing is guessed in silence.
The words and rules are those of the FinOps Open Cost and Usage Specification (https://focus.finops.org).
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from webapp.costs.focus import (
    CHARGE_CATEGORIES,
    CHARGE_CLASSES,
    COMMITMENT_STATUSES,
    FIELDS,
    NEEDED_OF_FOCUS,
    NEEDED_OF_MAP,
    OLDER_NAMES,
    amount_in,
    moment_in,
    word_in,
)
from webapp.costs.models import LedgerEntry

MAX_ROWS = 200_000
MAX_PROBLEMS = 50
MAX_CELL_CHARS = 65_536
KIND_OF_CATEGORY = {
    "compute": LedgerEntry.Kind.COMPUTE,
    "ai and machine learning": LedgerEntry.Kind.COMPUTE,
    "storage": LedgerEntry.Kind.STORAGE,
}
"""ServiceCategory -> kind of our ledger; what is neither (networks, support, tax) is a purchase."""


class FileRefused(Exception):
    """The file cannot be read as charges; the message is a sentence for whoever chose it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Charge:
    """One row, with the words of FOCUS, amounts in the file's currency."""

    billed_cost: Decimal
    effective_cost: Decimal
    list_cost: Decimal | None
    currency: str
    starts_at: datetime
    ends_at: datetime
    service: str
    category: str
    kind: str
    charge_category: str
    charge_class: str
    commitment_id: str
    commitment_status: str
    description: str
    resource_id: str
    quantity: Decimal | None
    unit: str
    provider: str
    number: str
    occurrence: int = 0
    """How many rows before it in the file are its equals: those are charges of their own."""

    @property
    def fingerprint(self) -> str:
        """Return what tells the same charge in another file; equal amounts written differently are equal."""
        parts = [p.normalize() if isinstance(p, Decimal) else p for p in astuple(self)]
        return hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()


@dataclass(slots=True)
class Reading:
    """What a file holds."""

    header: list[str] = field(default_factory=list)
    charges: list[Charge] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    num_problems: int = 0

    def complain(self, text: str) -> None:
        self.num_problems += 1
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(text)


def charges_read(text: str, *, columns: Mapping[str, str], constants: Mapping[str, str]) -> Reading:
    """Read a file's charges.

    Parameters
    ----------
    text : the file, a table with a header; commas, semicolons or tabs
    columns : our field -> the file's column; empty for FOCUS
    constants : provider, currency where the file does not say

    Raises `FileRefused` where no row can be read at all.
    """
    rows = _rows(text)
    header = next(rows, [])
    names = [name.strip().lstrip("\ufeff") for name in header]
    where = _where(names, columns, constants)
    reading = Reading(header=names)
    seen: Counter[str] = Counter()
    for number, cells in enumerate(rows, start=2):
        if not any(cell.strip() for cell in cells):
            continue
        if number > MAX_ROWS + 1:
            raise FileRefused(_("The file has more than %d rows; split it.") % MAX_ROWS)
        try:
            charge = _charge(_row_of(cells, where), constants, strict=not columns)
        except ValueError as error:
            reading.complain(_("Row %(n)d: %(what)s") % {"n": number, "what": error})
            continue
        reading.charges.append(_counted(charge, seen))
    return reading


def header_of(text: str) -> list[str]:
    """Return the names of a file's columns, to map them."""
    return [name.strip().lstrip("\ufeff") for name in next(_rows(text), [])]


def _rows(text: str) -> Iterator[list[str]]:
    csv.field_size_limit(MAX_CELL_CHARS)
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    try:
        yield from csv.reader(io.StringIO(text), delimiter=delimiter)
    except csv.Error as error:
        raise FileRefused(_("This is not a table that can be read: %s") % error) from error


def _where(header: list[str], columns: Mapping[str, str], constants: Mapping[str, str]) -> dict[str, int]:
    """Return our field -> place of its column, or refuse with the names of those that are missing."""
    wanted = columns or FIELDS
    where = {name: header.index(column) for name, column in wanted.items() if column in header}
    if not columns:
        for name, older in OLDER_NAMES.items():
            found = [header.index(column) for column in older if column in header]
            if name not in where and found:
                where[name] = found[0]
    needed = NEEDED_OF_MAP if columns else NEEDED_OF_FOCUS
    missing = [wanted.get(name, name) for name in needed if name not in where and not constants.get(name)]
    if missing:
        columns_there = ", ".join(header[:12]) or _("nothing")
        raise FileRefused(
            _("The columns %(missing)s are not in the file, which has %(found)s. Map its columns by hand.")
            % {"missing": ", ".join(missing), "found": columns_there}
        )
    return where


def _row_of(cells: list[str], where: Mapping[str, int]) -> dict[str, str]:
    return {name: cells[place].strip() if place < len(cells) else "" for name, place in where.items()}


def _charge(row: dict[str, str], constants: Mapping[str, str], *, strict: bool) -> Charge:
    """Return the charge of a row; raise ValueError with what is wrong. `strict` holds it to FOCUS's rules."""
    given = {**{name: str(value) for name, value in constants.items()}, **{k: v for k, v in row.items() if v}}
    billed = amount_in(given, "billed_cost", needed=True)
    effective = amount_in(given, "effective_cost", needed=strict)
    starts_at = moment_in(given, "starts_at")
    ends_at = moment_in(given, "ends_at") if given.get("ends_at") else starts_at + timedelta(days=1)
    if ends_at <= starts_at:
        raise ValueError(_("the charge ends at %(end)s, not after its start.") % {"end": ends_at.isoformat()})
    charge_category = word_in(given, "charge_category", CHARGE_CATEGORIES, default="" if strict else "Usage")
    status = word_in(given, "commitment_status", COMMITMENT_STATUSES, default="")
    if status and not given.get("commitment_id") and strict:
        raise ValueError(_("CommitmentDiscountStatus is %s, but no CommitmentDiscountId is given.") % status)
    currency = given.get("currency", "").upper()
    if len(currency) != 3:
        raise ValueError(_("the currency is %r; it must be a code of three letters, such as EUR.") % currency)
    return Charge(
        billed_cost=billed or Decimal(0),
        effective_cost=(billed or Decimal(0)) if effective is None else effective,
        list_cost=amount_in(given, "list_cost", needed=strict),
        currency=currency,
        starts_at=starts_at,
        ends_at=ends_at,
        service=given.get("service", "")[:120] or _("unnamed"),
        category=given.get("category", "")[:80],
        kind=_kind(given, charge_category, status),
        charge_category=charge_category,
        charge_class=word_in(given, "charge_class", CHARGE_CLASSES, default=""),
        commitment_id=given.get("commitment_id", "")[:200],
        commitment_status=status,
        description=given.get("description", "")[:400],
        resource_id=given.get("resource_id", "")[:300],
        quantity=amount_in(given, "quantity", needed=False),
        unit=given.get("unit", "")[:60],
        provider=given.get("provider", "")[:80],
        number=given.get("number", "")[:120],
    )


def _kind(given: Mapping[str, str], charge_category: str, status: str) -> str:
    """Return the kind of our ledger that the charge is compared with."""
    if status == "Unused" or (charge_category == "Purchase" and given.get("commitment_id")):
        return str(LedgerEntry.Kind.COMMITMENT)
    if charge_category not in ("Usage", "Credit", "Adjustment"):
        return str(LedgerEntry.Kind.PURCHASE)
    name = (given.get("category") or given.get("service") or "").lower()
    return str(KIND_OF_CATEGORY.get(name, LedgerEntry.Kind.PURCHASE))


def _counted(charge: Charge, seen: Counter[str]) -> Charge:
    print_ = charge.fingerprint
    seen[print_] += 1
    return charge if seen[print_] == 1 else replace(charge, occurrence=seen[print_] - 1)


def currencies_of(charges: list[Charge]) -> list[str]:
    return sorted({charge.currency for charge in charges})


def as_fields(charge: Charge) -> dict[str, Any]:
    """Return what a line keeps of a charge."""
    names = (
        "starts_at", "ends_at", "service", "category", "kind", "charge_category", "charge_class", "commitment_id",
        "commitment_status", "description", "resource_id", "quantity", "unit", "billed_cost", "effective_cost",
        "list_cost",
    )  # fmt: skip
    return {name: getattr(charge, name) for name in names}
