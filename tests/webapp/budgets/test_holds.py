"""What is held when a job is submitted, refused or asked about, released when it ends, and counted at the turn of a month."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.core.exceptions import ValidationError
from django.utils import timezone

from tests.factories import Cast
from tests.webapp.costs.rows import PlainKind
from tests.webapp.jobs.rows import claim, make_worker
from webapp.budgets.decision import decided
from webapp.budgets.errors import BudgetQuestion, BudgetRefused
from webapp.budgets.figures import budgets_of_job, in_force, standing
from webapp.budgets.models import Budget, Encumbrance
from webapp.budgets.services import budget_create, budget_end, releases_write
from webapp.costs.models import LedgerEntry, Machine
from webapp.jobs.ends import End
from webapp.jobs.finish import attempt_finish
from webapp.jobs.kinds import kinds, register_kind
from webapp.jobs.models import Attempt, Job, JobEvent, State
from webapp.jobs.services import job_cancel, job_create
from webapp.quotes.services import quote_of
from webapp.teams.models import User


@pytest.fixture(autouse=True)
def machine(cast: Cast) -> None:
    """A worker whose machine costs 1 USD an hour."""
    worker = make_worker()
    Machine.objects.create(host=worker.host, device="cpu", usd_per_device_hour=1)
    if "plain" not in kinds():
        register_kind(PlainKind())


def measure(cast: Cast, *, hours: float = 1.0, by: User | None = None, **changes: Any) -> Job:
    """Submit a job that takes about so many hours, and so many USD."""
    spec = {"kind": "calibrate", "version": 1, "seconds": hours * 3600 / 1.1 - 5}
    return job_create(project=cast.project, kind="calibrate", spec=spec, created_by=by or cast.bob, **changes)


def make_budget(cast: Cast, amount: str | float, **fields: Any) -> Budget:
    values = {"team": cast.team, "unit": "usd", "created_by": cast.alice, **fields}
    return budget_create(amount=round(Decimal(str(amount)), 6), **values)


def quantiles(cast: Cast) -> tuple[float, float]:
    """Return p50 and p90 of the job that `measure` submits, in USD."""
    spec = {"seconds": 3600 / 1.1 - 5}
    found = quote_of(Job(project=cast.project, team=cast.team, kind="calibrate", spec=spec, queue="cpu"))
    assert found is not None
    assert found.usd is not None
    return found.usd.p50, found.usd.p90


def end(job: Job, *, hours: float, outcome: str = "succeeded") -> None:
    """Let a worker take the job and end it after so many hours; it begins now, so that it counts in this month."""
    found = claim()
    assert found.job_id == job.pk
    now = timezone.now()
    Attempt.objects.filter(job=job, fence=found.fence).update(started_at=now)
    ended = End(outcome=outcome, code="done", sentence="Done.")  # type: ignore[arg-type]
    attempt_finish(found, ended, ended_at=now + timedelta(hours=hours))


def test_p90_is_held_and_the_rest_released_at_the_end(cast: Cast) -> None:
    budget = make_budget(cast, 10)
    _p50, p90 = quantiles(cast)
    job = measure(cast)
    assert float(standing(budget).held) == pytest.approx(p90, rel=1e-6)
    end(job, hours=0.5)
    found = standing(budget)
    assert (found.held, float(found.spent)) == (0, pytest.approx(0.5, rel=1e-3))
    held = Encumbrance.objects.get(job=job)
    assert held.released_at is not None
    assert float(held.released_usd or 0) == pytest.approx(p90 - 0.5, rel=1e-3)


def test_while_it_goes_on_what_it_has_taken_is_not_counted_twice(cast: Cast) -> None:
    budget = make_budget(cast, 10)
    _p50, p90 = quantiles(cast)
    job = measure(cast)
    end(job, hours=0.5, outcome="died")  # it is tried again
    assert Job.objects.get(pk=job.pk).state == State.QUEUED
    found = standing(budget)
    assert float(found.spent) == pytest.approx(0.5, rel=1e-3)
    assert float(found.spent + found.held) == pytest.approx(p90, rel=1e-3)


def test_a_job_cancelled_while_it_waited_holds_nothing(cast: Cast) -> None:
    budget = make_budget(cast, 10)
    job = measure(cast)
    job_cancel(job=job, by=cast.bob)
    assert standing(budget).held == 0
    assert releases_write() == 1
    assert releases_write() == 0


def test_under_p50_it_is_refused_and_nothing_is_made(cast: Cast) -> None:
    p50, _p90 = quantiles(cast)
    make_budget(cast, p50 * 0.99)
    with pytest.raises(BudgetRefused, match="will probably take"):
        measure(cast)
    assert not Job.objects.filter(kind="calibrate").exists()
    assert not Encumbrance.objects.exists()


def test_between_p50_and_p90_it_is_asked(cast: Cast) -> None:
    p50, p90 = quantiles(cast)
    budget = make_budget(cast, (p50 + p90) / 2)
    with pytest.raises(BudgetQuestion, match="Confirm to go on"):
        measure(cast)
    with decided(by=cast.bob, confirmed=True):
        job = measure(cast)
    assert job.encumbrance.confirmed_by == cast.bob
    assert standing(budget).free < 0


def test_above_p90_nobody_is_asked(cast: Cast) -> None:
    make_budget(cast, quantiles(cast)[1] * 1.01)
    measure(cast)


def test_only_an_admin_overrides_and_it_is_written_down(cast: Cast) -> None:
    make_budget(cast, "0.01")
    with decided(by=cast.bob, override_reason="please"), pytest.raises(BudgetRefused):
        measure(cast)
    with decided(by=cast.adam, override_reason="  "), pytest.raises(BudgetRefused):
        measure(cast, by=cast.adam)
    with decided(by=cast.adam, override_reason="the customer waits"):
        job = measure(cast, by=cast.adam)
    held = Encumbrance.objects.get(job=job)
    assert (held.overridden_by, held.override_reason) == (cast.adam, "the customer waits")
    logged = LogEntry.objects.get_for_object(held).get()
    assert logged.actor == cast.adam
    assert logged.changes["override_reason"][1] == "the customer waits"
    said = JobEvent.objects.filter(job=job, type="message").values_list("payload", flat=True)
    assert any("the customer waits" in payload["text"] for payload in said)


def test_a_job_without_a_quote_holds_nothing_and_says_so(cast: Cast) -> None:
    budget = make_budget(cast, 1)
    job = job_create(project=cast.project, kind="plain", spec={"kind": "plain"}, created_by=cast.bob)
    assert standing(budget).held == 0
    assert any("no quote" in p.get("text", "") for p in job.events.values_list("payload", flat=True))
    budget.amount = Decimal(0)
    budget.save()
    with pytest.raises(BudgetRefused, match="used up"):
        job_create(project=cast.project, kind="plain", spec={"kind": "plain"}, created_by=cast.bob)


def test_each_scope_and_unit_is_asked(cast: Cast) -> None:
    make_budget(cast, 100)
    make_budget(cast, 100, project=cast.project)
    mine = make_budget(cast, "0.5", member=cast.bob, unit="gpu_hours")
    with pytest.raises(BudgetRefused, match="GPU-hours"):
        measure(cast)
    other = measure(cast, by=cast.adam)
    assert standing(mine).held == 0
    assert {each.scope for each in budgets_of_job(other, date(2026, 11, 1))} == {"Acme AI", str(cast.project)}
    budget_end(budget=mine)
    measure(cast)


def test_a_months_own_budget_takes_the_place_of_the_standing_one(cast: Cast) -> None:
    month = date(2026, 11, 1)
    always = make_budget(cast, 1)
    november = make_budget(cast, 50, month=date(2026, 11, 17))
    assert november.month == month
    assert list(in_force(Budget.objects.all(), month)) == [november]
    assert list(in_force(Budget.objects.all(), date(2026, 12, 1))) == [always]
    with pytest.raises(ValidationError):
        make_budget(cast, 7)


def moment(month: int, day: int, hour: int = 12) -> datetime:
    return timezone.make_aware(datetime(2026, month, day, hour))


def test_at_the_change_of_month(cast: Cast) -> None:
    """A waiting job moves into the new month; a running one stays where its attempt began; the rest lapses."""
    budget = make_budget(cast, 10)
    october, november = date(2026, 10, 1), date(2026, 11, 1)
    running, waiting = measure(cast), measure(cast)
    found = claim()
    Attempt.objects.filter(job=running, fence=found.fence).update(started_at=moment(10, 31, 23))
    held = [float(Encumbrance.objects.get(job=job).usd_p90 or 0) for job in (running, waiting)]
    last_of_october, first_of_november = moment(10, 31, 23), moment(11, 1, 1)

    before = standing(budget, month=october, now=last_of_october)
    assert float(before.held) == pytest.approx(sum(held))
    assert standing(budget, month=november, now=last_of_october).held == 0
    assert float(standing(budget, month=october, now=first_of_november).held) == pytest.approx(held[0])
    assert float(standing(budget, month=november, now=first_of_november).held) == pytest.approx(held[1])

    Attempt.objects.filter(job=running).update(ended_at=None)
    attempt_finish(found, End(outcome="succeeded", code="done", sentence="Done."), ended_at=moment(11, 1, 1))
    after = standing(budget, month=october, now=first_of_november)
    assert float(after.spent) == pytest.approx(2, rel=1e-6)  # two hours, booked where they began
    november_now = standing(budget, month=november, now=first_of_november)
    assert november_now.spent == 0
    assert float(november_now.free) == pytest.approx(10 - held[1])  # nothing of October is carried over


def test_payroll_and_commitments_are_not_the_projects_doing(cast: Cast) -> None:
    budget = make_budget(cast, 10)
    for kind in ("payroll", "commitment", "storage", "revenue"):
        LedgerEntry.objects.create(
            team=cast.team, project=cast.project, kind=kind, billed_usd=2, effective_usd=2, started_at=timezone.now()
        )
    assert standing(budget).spent == 2
