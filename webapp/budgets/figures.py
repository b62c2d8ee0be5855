"""How a budget stands in a month: spent, held by jobs that have not ended, free.

Which month something counts in:
- what was spent counts in the month in which the attempt began (other costs: on their day);
- what a running job may still take counts in the month in which its present attempt began, for there its cost will be
  booked; what a waiting job may take counts in the month that is now.
Nothing is carried over: what is left of a month lapses with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db.models import DecimalField, ExpressionWrapper, F, Model, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Cast, Coalesce, Greatest
from django.utils import timezone

from webapp.budgets.models import Budget, Encumbrance
from webapp.costs.models import LedgerEntry
from webapp.costs.months import first_of_month, month_bounds
from webapp.jobs.models import ACTIVE_STATES, Attempt, Job

MONEY: DecimalField[Decimal, Decimal] = DecimalField(max_digits=24, decimal_places=8)
ZERO = Value(Decimal(0), output_field=MONEY)
COUNTED_KINDS = (
    LedgerEntry.Kind.COMPUTE, LedgerEntry.Kind.ENERGY, LedgerEntry.Kind.STORAGE, LedgerEntry.Kind.SERVING,
)  # fmt: skip
"""What projects cause. Commitments are sunk, and payroll and purchases are decided elsewhere."""
GPU_HOURS = ExpressionWrapper(
    Cast("seconds", MONEY) * F("num_devices") / Value(Decimal(3600), output_field=MONEY), output_field=MONEY
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """A budget in one month, in its own unit."""

    budget: Budget
    month: date
    spent: Decimal
    held_p50: Decimal
    held: Decimal
    """p90 of what jobs that have not ended may still take."""

    @property
    def free(self) -> Decimal:
        return self.budget.amount - self.spent - self.held

    @property
    def spent_fraction(self) -> float:
        """Never below nothing: a month may begin with what a provider gave back."""
        return max(0.0, float(self.spent / self.budget.amount)) if self.budget.amount else 1.0

    @property
    def held_fraction(self) -> float:
        return float(self.held / self.budget.amount) if self.budget.amount else 0.0


def budgets_of_job(job: Job, month: date) -> QuerySet[Budget]:
    """Return the budgets that a job counts in, in the month; that of a month takes the place of the standing one."""
    scope = Q(project=None) | Q(project=job.project_id)
    member = Q(member=None) | Q(member=job.created_by_id) if job.created_by_id else Q(member=None)
    return in_force(Budget.objects.filter(scope, member, team=job.team_id), month)


def in_force(budgets: QuerySet[Budget], month: date) -> QuerySet[Budget]:
    """Return the budgets that hold in a month: its own, and standing ones that it has no own for."""
    own = Budget.objects.filter(month=month, ended_at=None)
    hidden = [
        standing.pk
        for standing in budgets.filter(month=None, ended_at=None)
        if own.filter(
            team=standing.team_id, project=standing.project_id, member=standing.member_id, unit=standing.unit
        ).exists()
    ]
    return budgets.filter(Q(month=month) | Q(month=None), ended_at=None).exclude(pk__in=hidden)


def standing(budget: Budget, *, month: date | None = None, now: datetime | None = None) -> Standing:
    """Return how a budget stands.

    One statement asks for all of it: a job that ends between two would be in neither, or in both.
    """
    now = now or timezone.now()
    month = month or budget.month or first_of_month(timezone.localtime(now).date())
    row = (
        Budget.objects.filter(pk=budget.pk)
        .annotate(
            spent_now=_sum(_spent(budget, month), _ledger_amount(budget)),
            held_now=_sum(_held(budget, month, now), _left(budget, "p90")),
            held_p50_now=_sum(_held(budget, month, now), _left(budget, "p50")),
        )
        .values("spent_now", "held_now", "held_p50_now")
        .get()
    )
    return Standing(
        budget=budget, month=month, spent=row["spent_now"], held=row["held_now"], held_p50=row["held_p50_now"]
    )


def entries_of(budget: Budget) -> QuerySet[LedgerEntry]:
    """Return the ledger's entries that count in the budget, of any month."""
    entries = LedgerEntry.objects.filter(team=budget.team_id, kind__in=COUNTED_KINDS)
    if budget.project_id:
        entries = entries.filter(project=budget.project_id)
    return entries.filter(member=budget.member_id) if budget.member_id else entries


def jobs_of(budget: Budget) -> QuerySet[Job]:
    jobs = Job.objects.filter(team=budget.team_id)
    if budget.project_id:
        jobs = jobs.filter(project=budget.project_id)
    return jobs.filter(created_by=budget.member_id) if budget.member_id else jobs


def held_of(budget: Budget, *, month: date, now: datetime | None = None) -> QuerySet[Encumbrance]:
    """Return what holds something of the budget in the month, with `left` of it."""
    rows = _held(budget, month, now or timezone.now()).annotate(left=_left(budget, "p90"))
    return rows.select_related("job", "job__created_by").order_by("-made_at")


def _spent(budget: Budget, month: date) -> QuerySet[LedgerEntry]:
    start, end = month_bounds(month)
    return entries_of(budget).filter(started_at__gte=start, started_at__lt=end)


def _ledger_amount(budget: Budget) -> Any:
    return F("effective_usd") if budget.unit == Budget.Unit.USD else GPU_HOURS


def _held(budget: Budget, month: date, now: datetime) -> QuerySet[Encumbrance]:
    start, end = month_bounds(month)
    begun = Attempt.objects.filter(job=OuterRef("job"), ended_at=None).order_by("-fence").values("started_at")[:1]
    return (
        Encumbrance.objects.filter(job__in=jobs_of(budget), job__state__in=ACTIVE_STATES)
        .annotate(booked_at=Coalesce(Subquery(begun), Value(now)))
        .filter(booked_at__gte=start, booked_at__lt=end)
    )


def _left(budget: Budget, quantile: str) -> Any:
    """Return what a job may still take beyond what its ended attempts have taken, never less than nothing."""
    field = f"{'usd' if budget.unit == Budget.Unit.USD else 'gpu_hours'}_{quantile}"
    charged = LedgerEntry.objects.filter(job=OuterRef("job"), kind__in=COUNTED_KINDS)
    taken = _sum(charged, _ledger_amount(budget))
    return ExpressionWrapper(Greatest(Coalesce(Cast(field, MONEY), ZERO) - taken, ZERO), output_field=MONEY)


def _sum(rows: QuerySet[Any, Model], amount: Any) -> Any:
    """Return the sum over the rows as an expression; 0 where there are none."""
    totals = rows.order_by().annotate(one=Value(1)).values("one").annotate(total=Sum(amount)).values("total")
    return Coalesce(Subquery(totals, output_field=MONEY), ZERO, output_field=MONEY)
