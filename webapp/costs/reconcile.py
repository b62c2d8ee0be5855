"""An invoice against our own records: the difference by day and service, and how it is booked."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models import Sum
from django.db.models.functions import TruncDate
from django.utils import timezone
from django.utils.translation import gettext as _

from webapp.costs.models import Invoice, InvoiceLine, LedgerEntry
from webapp.costs.months import day_start
from webapp.teams.models import User

ZERO = Decimal(0)
CENT = Decimal("0.01")


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One day of one kind of service, in USD: what the provider bills and what we wrote down."""

    day: date
    kind: str
    services: str
    invoiced_usd: Decimal
    own_usd: Decimal
    invoiced_effective_usd: Decimal
    own_effective_usd: Decimal

    @property
    def kind_title(self) -> str:
        return str(LedgerEntry.Kind(self.kind).label)

    @property
    def difference_usd(self) -> Decimal:
        return self.invoiced_usd - self.own_usd

    @property
    def effective_difference_usd(self) -> Decimal:
        return self.invoiced_effective_usd - self.own_effective_usd

    @property
    def matters(self) -> bool:
        return abs(self.difference_usd) >= CENT or abs(self.effective_difference_usd) >= CENT


@dataclass(slots=True)
class _Sums:
    billed: Decimal = ZERO
    effective: Decimal = ZERO


def differences(invoice: Invoice) -> list[Difference]:
    """Return every day and kind on which the invoice or our records have something, by day."""
    theirs, services = _theirs(invoice)
    ours = _ours(invoice)
    return [
        Difference(
            day=day,
            kind=kind,
            services=", ".join(sorted(services[day, kind])),
            invoiced_usd=theirs[day, kind].billed,
            own_usd=ours[day, kind].billed,
            invoiced_effective_usd=theirs[day, kind].effective,
            own_effective_usd=ours[day, kind].effective,
        )
        for day, kind in sorted({*theirs, *ours})
    ]


def _theirs(invoice: Invoice) -> tuple[dict[tuple[date, str], _Sums], dict[tuple[date, str], set[str]]]:
    """Return the lines by day and kind in USD; a charge over several days is spread evenly over its time."""
    sums: dict[tuple[date, str], _Sums] = defaultdict(_Sums)
    services: dict[tuple[date, str], set[str]] = defaultdict(set)
    for line in invoice.lines.all():
        for day, share in shares_by_day(line):
            place = sums[day, line.kind]
            place.billed += line.billed_cost * invoice.usd_per_currency * share
            place.effective += line.effective_cost * invoice.usd_per_currency * share
            services[day, line.kind].add(line.service)
    return sums, services


def shares_by_day(line: InvoiceLine) -> list[tuple[date, Decimal]]:
    """Return each day that the charge touches with its share of the time; the shares add up to 1."""
    start, end = timezone.localtime(line.starts_at), timezone.localtime(line.ends_at)
    whole = (end - start).total_seconds()
    found: list[tuple[date, Decimal]] = []
    day = start.date()
    while day_start(day) < end:
        begin, stop = max(start, day_start(day)), min(end, day_start(day + timedelta(days=1)))
        found.append((day, Decimal(repr((stop - begin).total_seconds() / whole))))
        day += timedelta(days=1)
    return found


def _ours(invoice: Invoice) -> dict[tuple[date, str], _Sums]:
    """Return what the ledger has of that provider in the invoice's time."""
    sums: dict[tuple[date, str], _Sums] = defaultdict(_Sums)
    rows = (
        LedgerEntry.objects.filter(
            team=invoice.team,
            provider__iexact=invoice.provider,
            started_at__gte=day_start(invoice.first_day),
            started_at__lt=day_start(invoice.last_day + timedelta(days=1)),
        )
        .exclude(kind=LedgerEntry.Kind.REVENUE)
        .annotate(day=TruncDate("started_at"))
        .values("day", "kind")
        .annotate(billed=Sum("billed_usd"), effective=Sum("effective_usd"))
        .order_by()
    )
    for row in rows:
        sums[row["day"], row["kind"]] = _Sums(row["billed"], row["effective"])
    return sums


@transaction.atomic
def differences_book(*, invoice: Invoice, by: User | None) -> int:
    """Write every difference into the ledger, so that it says what was really billed; return how many entries.

    Nothing that stands there is changed. A second booking finds no difference left.
    """
    Invoice.objects.select_for_update().get(pk=invoice.pk)
    booked = LedgerEntry.objects.filter(key__startswith=f"invoice:{invoice.code}:").count()
    entries = [_entry(invoice, each, by, booked) for each in differences(invoice) if each.matters]
    LedgerEntry.objects.bulk_create(entries)
    return len(entries)


def _entry(invoice: Invoice, each: Difference, by: User | None, number: int) -> LedgerEntry:
    return LedgerEntry(
        team=invoice.team,
        kind=each.kind,
        key=f"invoice:{invoice.code}:{each.day.isoformat()}:{each.kind}:{number}",
        description=_("Difference to %(invoice)s: %(services)s") % {"invoice": invoice, "services": each.services},
        outcome="unused" if each.kind == LedgerEntry.Kind.COMMITMENT else "",
        provider=invoice.provider,
        entered_by=by,
        started_at=day_start(each.day),
        billed_usd=each.difference_usd,
        effective_usd=each.effective_difference_usd,
        currency=invoice.currency,
        amount=each.difference_usd / invoice.usd_per_currency,
        usd_per_currency=invoice.usd_per_currency,
        rate_on=invoice.rate_on,
    )
