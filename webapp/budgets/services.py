"""What budgets do: hold what a job may take, refuse or ask where too little is free, and let go when it has ended."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from auditlog.models import LogEntry
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from economics.uncertainty import Interval
from webapp.budgets.decision import Decision, decision
from webapp.budgets.errors import BudgetAnswer, BudgetQuestion, BudgetRefused
from webapp.budgets.figures import Standing, budgets_of_job, standing
from webapp.budgets.models import Budget, Encumbrance
from webapp.budgets.words import amount_text, interval_text
from webapp.costs.models import LedgerEntry
from webapp.costs.months import first_of_month
from webapp.jobs.models import FINAL_STATES, Attempt, Job
from webapp.jobs.moves import job_say
from webapp.projects.models import Project
from webapp.quotes.services import quote_of
from webapp.teams.access import role_in
from webapp.teams.models import Role, Team, User


def encumber(job: Job) -> None:
    """Hold the job's p90. A made hook: in the transaction that inserts the job, which a refusal undoes.

    The rows of the job's budgets are locked first, always in the same order: two submissions never both see the same
    money as free.
    """
    month = first_of_month(timezone.localdate())
    ids = list(budgets_of_job(job, month).values_list("pk", flat=True))
    budgets = list(Budget.objects.select_for_update(of=("self",)).filter(pk__in=ids).order_by("pk"))
    quoted = quote_of(job)
    usd, hours = (quoted.usd, quoted.device_hours) if quoted else (None, None)
    held = Encumbrance(
        job=job, usd_p50=_at(usd, "p50"), usd_p90=_at(usd, "p90"), gpu_hours_p50=_at(hours, "p50"),
        gpu_hours_p90=_at(hours, "p90"),
    )  # fmt: skip
    answer = _answer(budgets, usd, hours)
    if answer is not None:
        _settle(answer, held, job)
    held.save()
    if held.overridden_by is not None:
        _audit(held)
    if budgets and (usd is None or hours is None):
        _say(job, _("There is no quote for this job: its budget counts it only when it ends."))


def _answer(budgets: list[Budget], usd: Interval | None, hours: Interval | None) -> BudgetAnswer | None:
    """Return the gravest answer of the budgets, None if all have enough free."""
    short: list[Standing] = []
    tight: list[Standing] = []
    for budget in budgets:
        found = standing(budget)
        expected = usd if budget.unit == Budget.Unit.USD else hours
        free = float(found.free)
        if (expected is None and free <= 0) or (expected is not None and free < expected.p50):
            short.append(found)
        elif expected is not None and free < expected.p90:
            tight.append(found)
    if short:
        return BudgetRefused(_refusal(short[0], usd, hours), short + tight)
    if tight:
        return BudgetQuestion(_question(tight[0], usd, hours), tight)
    return None


def _settle(answer: BudgetAnswer, held: Encumbrance, job: Job) -> None:
    """Raise the answer, unless the person has decided already; who decided what is kept with the job."""
    made = decision()
    by = made.by or job.created_by
    if isinstance(answer, BudgetQuestion) and made.confirmed:
        held.confirmed_by = by
    elif isinstance(answer, BudgetRefused) and _may_override(made, by, job.team):
        held.overridden_by, held.override_reason = by, made.override_reason
        _say(job, _("%(who)s let it be made beyond the budget: %(why)s") % {"who": by, "why": made.override_reason})
    else:
        made.answers.append(answer)
        raise answer


def _audit(held: Encumbrance) -> None:
    """Write the override into the audit log: who, what for, and for which job."""
    changes = {"override_reason": ["", held.override_reason], "job": ["", held.job.code]}
    LogEntry.objects.log_create(
        held, force_log=True, action=LogEntry.Action.CREATE, changes=changes, actor=held.overridden_by
    )


def _may_override(made: Decision, by: User | None, team: Team) -> bool:
    role = role_in(by, team) if by is not None else None
    return bool(made.override_reason) and role is not None and role >= Role.ADMIN


def _refusal(found: Standing, usd: Interval | None, hours: Interval | None) -> str:
    facts = _facts(found, usd, hours)
    if facts["expected"] is None:
        return (
            _("The budget of %(scope)s for %(month)s is used up. Wait for the next month, or let an admin override it.")
            % facts
        )
    return _(
        "The budget of %(scope)s for %(month)s has %(free)s free; this job will probably take %(expected)s. Choose a "
        "smaller job, wait for others to end or for the next month, or let an admin override it."
    ) % facts  # fmt: skip


def _question(found: Standing, usd: Interval | None, hours: Interval | None) -> str:
    return _(
        "The budget of %(scope)s for %(month)s has %(free)s free; this job may take up to %(most)s, and will probably "
        "take %(expected)s. At the limit it is saved and stopped. Confirm to go on."
    ) % _facts(found, usd, hours)  # fmt: skip


def _facts(found: Standing, usd: Interval | None, hours: Interval | None) -> dict[str, Any]:
    unit = found.budget.unit
    expected = usd if unit == Budget.Unit.USD else hours
    return {
        "scope": found.budget.scope,
        "month": found.month.strftime("%Y-%m"),
        "free": amount_text(max(Decimal(0), found.free), unit),
        "expected": interval_text(expected, unit) if expected else None,
        "most": amount_text(expected.p90, unit) if expected else None,
    }


def _say(job: Job, text: str) -> None:
    job_say(job.pk, "message", {"level": "warning", "text": text})


def release(attempt: Attempt) -> None:
    """Write down what a job that has ended did not take. An end hook, after the ledger's; it no longer counts anyway."""
    if attempt.job.is_final:
        releases_write(jobs=[attempt.job_id])


def releases_write(*, jobs: list[int] | None = None) -> int:
    """Write down the release of every hold whose job has ended: also of those that ended while they waited."""
    rows = Encumbrance.objects.filter(released_at=None, job__state__in=FINAL_STATES).select_related("job")
    if jobs is not None:
        rows = rows.filter(job__in=jobs)
    found = list(rows)
    for held in found:
        entries = list(LedgerEntry.objects.filter(job=held.job))
        usd = sum((entry.effective_usd for entry in entries), Decimal(0))
        hours = Decimal(repr(sum(entry.seconds * entry.num_devices for entry in entries) / 3600))
        held.released_at = timezone.now()
        held.released_usd = None if held.usd_p90 is None else max(Decimal(0), held.usd_p90 - usd)
        held.released_gpu_hours = None if held.gpu_hours_p90 is None else max(Decimal(0), held.gpu_hours_p90 - hours)
        held.save(update_fields=["released_at", "released_usd", "released_gpu_hours"])
    return len(found)


@transaction.atomic
def budget_create(
    *, team: Team, amount: Decimal, unit: str, created_by: User | None, project: Project | None = None,
    member: User | None = None, month: date | None = None, is_hard: bool = True,
) -> Budget:  # fmt: skip
    """Make a budget; raises `ValidationError` if there is one for the same scope, month and unit."""
    budget = Budget(
        team=team, project=project, member=member, month=first_of_month(month) if month else None, unit=unit,
        amount=amount, is_hard=is_hard, created_by=created_by,
    )  # fmt: skip
    budget.full_clean(exclude=["created_by"])
    budget.save()
    return budget


def budget_change(*, budget: Budget, amount: Decimal, is_hard: bool) -> None:
    """Change how much there is; what jobs hold stays held."""
    budget.amount, budget.is_hard = amount, is_hard
    budget.save(update_fields=["amount", "is_hard"])


def budget_end(*, budget: Budget, at: datetime | None = None) -> None:
    """Let a budget count no longer. Its row stays, so that its past can be read."""
    budget.ended_at = at or timezone.now()
    budget.save(update_fields=["ended_at"])


def _at(interval: Interval | None, name: str) -> Decimal | None:
    return None if interval is None else Decimal(repr(float(getattr(interval, name)))).quantize(Decimal("0.00000001"))
