"""What money led to: useful work, ladders, sweeps, failures, work done twice after a fault, or devices that stood idle."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Case, CharField, DecimalField, ExpressionWrapper, F, Q, QuerySet, Sum, Value, When
from django.db.models.functions import Cast
from django.utils.translation import gettext_lazy as _

from webapp.costs.models import LedgerEntry
from webapp.jobs.models import State

MONEY: DecimalField[Decimal, Decimal] = DecimalField(max_digits=24, decimal_places=12)

TITLES = {
    "useful": _("useful"),
    "ladder": _("ladder"),
    "sweep": _("sweeps"),
    "failed": _("failed"),
    "cancelled": _("cancelled"),
    "repeated": _("repeated after a fault"),
    "idle": _("idle"),
}

PURPOSES = ("ladder", "sweep")
"""Of work that told which run to make: what apps name a job's purpose (see `purposes`)."""

LED_TO = Case(
    When(kind=LedgerEntry.Kind.COMMITMENT, then=Value("idle")),
    When(job__state=State.FAILED, then=Value("failed")),
    When(job__state=State.CANCELLED, then=Value("cancelled")),
    When(purpose__in=PURPOSES, then=F("purpose")),
    default=Value("useful"),
    output_field=CharField(),
)
"""A fee itself is no cost but cash, so that what a commitment adds to the cost is what stood idle."""

REPEATED = ExpressionWrapper(F("effective_usd") * Cast("lost_fraction", MONEY), output_field=MONEY)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One class of outcomes with what it took."""

    name: str
    usd: Decimal

    @property
    def title(self) -> str:
        return str(TITLES[self.name])


def spend_by_outcome(entries: QuerySet[LedgerEntry]) -> list[Outcome]:
    """Return what each outcome took, all of them: jobs and commitments, the rest of the ledger left out.

    Of an attempt that died in a job that went on, the time after its last checkpoint was done again by the next one.
    """
    work = entries.filter(Q(job__isnull=False) | Q(kind=LedgerEntry.Kind.COMMITMENT))
    rows = work.annotate(led_to=LED_TO).values("led_to").annotate(usd=Sum("effective_usd"), repeated=Sum(REPEATED))
    found = dict.fromkeys(TITLES, Decimal(0))
    for row in rows.order_by():
        again = row["repeated"] if row["led_to"] in ("useful", *PURPOSES) else Decimal(0)
        found[row["led_to"]] += row["usd"] - again
        found["repeated"] += again
    return [Outcome(name, usd) for name, usd in found.items()]
