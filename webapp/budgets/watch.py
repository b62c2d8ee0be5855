"""What looks after budgets: warnings at shares of the forecast, and an end of running jobs where one is used up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from django.db.models import QuerySet, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone
from django.utils.translation import gettext as _

from economics.spending import MonthEnd, month_end
from economics.spending.forecast import NUM_DAYS_REMEMBERED
from webapp.budgets.figures import GPU_HOURS, Standing, budgets_of_job, entries_of, in_force, jobs_of, standing
from webapp.budgets.models import Budget, BudgetAlert, BudgetStop
from webapp.budgets.words import amount_text
from webapp.costs.months import day_start, first_of_month, last_of_month
from webapp.costs.prices import machine_hour_price
from webapp.costs.queries import days_between
from webapp.costs.services import machine_ensure
from webapp.jobs.models import HELD_STATES, Attempt, Job, StopRequest
from webapp.jobs.moves import job_say
from webapp.jobs.services import job_stop

SHARES = (50, 80, 100)
"""Percent of a budget at which a month's forecast is told."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outlook:
    """A budget's month and how it will probably end, in the budget's unit."""

    standing: Standing
    running: Decimal
    """What the attempts that run now have taken so far; the ledger has it when they end."""

    trend: MonthEnd

    @property
    def expected(self) -> Decimal:
        """Return the month's probable sum: what is spent and already under way, or where the last weeks lead."""
        known = self.standing.spent + max(self.standing.held_p50, self.running)
        trend = Decimal(repr(self.trend.total.p50)) if self.trend.total else Decimal(0)
        return max(known, trend)

    @property
    def percent(self) -> float:
        amount = self.standing.budget.amount
        return float(100 * self.expected / amount) if amount else 100.0

    @property
    def used_now(self) -> Decimal:
        return self.standing.spent + self.running


def outlook(budget: Budget, *, month: date | None = None) -> Outlook:
    """Return a budget's month, now."""
    today = timezone.localdate()
    found = standing(budget, month=month)
    days_left = (last_of_month(found.month) - today).days if found.month == first_of_month(today) else 0
    trend = month_end(_recent(budget, today), spent=float(found.spent), num_days_left=max(0, days_left))
    return Outlook(standing=found, running=_running(budget, found.month), trend=trend)


def _recent(budget: Budget, today: date) -> list[float]:
    """Return what each of the last full days took of the budget's scope, from the first that took anything."""
    first = today - timedelta(days=NUM_DAYS_REMEMBERED)
    amount = "effective_usd" if budget.unit == Budget.Unit.USD else GPU_HOURS
    rows = (
        entries_of(budget)
        .filter(started_at__gte=day_start(first), started_at__lt=day_start(today))
        .annotate(day=TruncDate("started_at"))
        .values("day")
        .annotate(total=Sum(amount))
        .order_by("day")
    )
    by_day = {row["day"]: float(row["total"]) for row in rows if row["total"]}
    if not by_day:
        return []
    return [by_day.get(day, 0.0) for day in days_between(min(by_day), today - timedelta(days=1))]


def _running(budget: Budget, month: date) -> Decimal:
    """Return what running attempts that began in the month have taken so far, at today's price."""
    return sum((_taken(attempt, budget) for attempt in running_attempts(jobs_of(budget), month)), Decimal(0))


def running_attempts(jobs: QuerySet[Job], month: date | None = None) -> QuerySet[Attempt]:
    rows = Attempt.objects.filter(job__in=jobs, job__state__in=HELD_STATES, ended_at=None).select_related(
        "worker", "job"
    )
    if month is None:
        return rows
    return rows.filter(
        started_at__gte=day_start(month), started_at__lt=day_start(last_of_month(month) + timedelta(days=1))
    )


def _taken(attempt: Attempt, budget: Budget) -> Decimal:
    hours = Decimal(repr((timezone.now() - attempt.started_at).total_seconds() * attempt.num_devices / 3600))
    if budget.unit == Budget.Unit.GPU_HOURS:
        return hours
    return hours * machine_hour_price(machine_ensure(worker=attempt.worker)).effective_usd


def alerts_tell(*, budgets: Iterable[Budget] | None = None) -> list[BudgetAlert]:
    """Tell each share that a forecast has passed, once a month, and return what is new."""
    month = first_of_month(timezone.localdate())
    found: list[BudgetAlert] = []
    for budget in budgets if budgets is not None else in_force(Budget.objects.all(), month):
        ahead = outlook(budget, month=month)
        for share in SHARES:
            if ahead.percent >= share:
                alert, is_new = BudgetAlert.objects.get_or_create(
                    budget=budget,
                    month=month,
                    percent=share,
                    amount=budget.amount,
                    defaults={"forecast": ahead.expected},
                )
                found += [alert] if is_new else []
    for alert in found:
        _tell_jobs(alert)
    return found


def _tell_jobs(alert: BudgetAlert) -> None:
    """Write the warning into the events of the jobs that run on the budget."""
    for attempt in running_attempts(jobs_of(alert.budget), alert.month):
        job_say(attempt.job_id, "message", {"level": "warning", "text": alert_sentence(alert)})


def alert_sentence(alert: BudgetAlert) -> str:
    return _("%(scope)s: by its forecast, %(month)s will take %(forecast)s, over %(percent)d %% of its budget of %(amount)s.") % {
        "scope": alert.budget.scope,
        "month": alert.month.strftime("%Y-%m"),
        "forecast": amount_text(alert.forecast, alert.budget.unit),
        "percent": alert.percent,
        "amount": amount_text(alert.amount, alert.budget.unit),
    }  # fmt: skip


def limits_keep() -> list[Job]:
    """Have running jobs saved and stopped whose budget is used up; return them.

    The request stands in the job's row: the keeper of its lease sees it at the next renewal, or at once by its doorbell.
    """
    stopped: list[Job] = []
    known: dict[tuple[int, date], Outlook] = {}
    for attempt in running_attempts(Job.objects.filter(stop_request=StopRequest.NONE)):
        month = first_of_month(timezone.localtime(attempt.started_at).date())
        for budget in budgets_of_job(attempt.job, month).filter(is_hard=True):
            ahead = known.setdefault((budget.pk, month), outlook(budget, month=month))
            if ahead.used_now >= budget.amount:
                stopped.append(_stop(attempt.job, ahead))
                break
    return stopped


def _stop(job: Job, ahead: Outlook) -> Job:
    budget = ahead.standing.budget
    sentence = _(
        "The budget of %(scope)s for %(month)s, %(amount)s, is used up: the job was told to save and stop. It can be "
        "resumed when there is a budget again."
    ) % {
        "scope": budget.scope,
        "month": ahead.standing.month.strftime("%Y-%m"),
        "amount": amount_text(budget.amount, budget.unit),
    }  # fmt: skip
    BudgetStop.objects.get_or_create(job=job, defaults={"budget": budget, "sentence": sentence})
    job_say(job.pk, "message", {"level": "warning", "text": sentence})
    return job_stop(job=job, by=None)


def stop_reason(job: Job) -> tuple[str, str] | None:
    """Return code and sentence for a job that a budget stopped."""
    found = BudgetStop.objects.filter(job=job).first()
    return ("budget", found.sentence) if found else None
