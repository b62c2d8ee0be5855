"""What looks after budgets while jobs run: an end at the limit with its reason, and warnings told once."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from tests.factories import Cast
from tests.webapp.budgets.test_holds import make_budget, measure
from tests.webapp.jobs.rows import claim, make_worker
from trainer.events import Stopped
from webapp.budgets.figures import standing
from webapp.budgets.models import BudgetAlert, BudgetStop
from webapp.budgets.services import budget_change
from webapp.budgets.watch import alerts_tell, limits_keep, outlook
from webapp.costs.models import LedgerEntry, Machine
from webapp.jobs.claim import Claim
from webapp.jobs.ends import Facts, end_of
from webapp.jobs.finish import attempt_finish
from webapp.jobs.lease import lease_renew
from webapp.jobs.models import Attempt, Job, JobEvent, State


@pytest.fixture(autouse=True)
def machine(cast: Cast) -> None:
    worker = make_worker()
    Machine.objects.create(host=worker.host, device="cpu", usd_per_device_hour=1)


def run_for(job: Job, *, hours: float) -> Claim:
    """Let a worker take the job, as if so many hours ago."""
    found = claim()
    assert found.job_id == job.pk
    Attempt.objects.filter(job=job).update(started_at=timezone.now() - timedelta(hours=hours))
    return found


def spend_of(cast: Cast, usd: float, *, days_ago: int = 0) -> None:
    LedgerEntry.objects.create(
        team=cast.team, project=cast.project, kind="compute", billed_usd=0, effective_usd=Decimal(str(usd)),
        started_at=timezone.now() - timedelta(days=days_ago),
    )  # fmt: skip


def test_a_running_job_is_saved_and_stopped_at_the_limit(cast: Cast) -> None:
    budget = make_budget(cast, 3)
    job = measure(cast)
    found = run_for(job, hours=0.02)
    assert limits_keep() == []
    Attempt.objects.filter(job=job).update(started_at=timezone.now() - timedelta(minutes=3))
    spend_of(cast, 2.96)
    assert [each.pk for each in limits_keep()] == [job.pk]
    assert lease_renew(found) == "stop"  # what the keeper of the lease sees at its next renewal
    assert limits_keep() == []
    facts = Facts(
        last_event=Stopped(at=0.0, line=1, sentence="Saved at step 7."), exit_code=0, stop_request=lease_renew(found)
    )
    assert attempt_finish(found, end_of(facts)) == State.STOPPED
    job.refresh_from_db()
    assert job.reason_code == "budget"
    assert "is used up" in job.reason
    assert BudgetStop.objects.get(job=job).budget == budget
    said = JobEvent.objects.filter(job=job, type="message").values_list("payload", flat=True)
    assert any("is used up" in payload["text"] for payload in said)
    assert standing(budget).held == 0


def test_a_soft_budget_stops_nothing(cast: Cast) -> None:
    make_budget(cast, 3, is_hard=False)
    job = measure(cast)
    run_for(job, hours=0.02)
    spend_of(cast, 5)
    assert limits_keep() == []


def test_a_person_who_stops_a_job_is_the_reason(cast: Cast) -> None:
    make_budget(cast, 30)
    from webapp.jobs.services import job_stop

    job = measure(cast)
    found = run_for(job, hours=0.02)
    job_stop(job=job, by=cast.bob)
    facts = Facts(last_event=Stopped(at=0.0, line=1, sentence="Saved."), exit_code=0, stop_request="stop")
    attempt_finish(found, end_of(facts))
    job.refresh_from_db()
    assert job.reason_code == "stopped"


def test_each_share_is_told_once(cast: Cast) -> None:
    budget = make_budget(cast, 10)
    spend_of(cast, 4.9)
    assert alerts_tell() == []
    spend_of(cast, 0.2)
    assert [alert.percent for alert in alerts_tell()] == [50]
    spend_of(cast, 5)
    assert [alert.percent for alert in alerts_tell()] == [80, 100]
    assert alerts_tell() == []
    assert BudgetAlert.objects.filter(budget=budget).count() == 3
    page = cast.client(cast.vera).get(f"/projects/{cast.project.code}/costs/").content.decode()
    assert 'data-alert="100"' in page
    assert 'data-alert="50"' not in page
    budget_change(budget=budget, amount=Decimal(15), is_hard=True)
    page = cast.client(cast.vera).get(f"/projects/{cast.project.code}/costs/").content.decode()
    assert "data-alert=" not in page  # what was told was of another amount
    assert [alert.percent for alert in alerts_tell()] == [50]
    assert (
        "over 100 % of its budget of $10.00" in cast.client(cast.vera).get(budget.get_absolute_url()).content.decode()
    )


def test_what_a_provider_gave_back_draws_no_bar_to_the_left(cast: Cast) -> None:
    budget = make_budget(cast, 10)
    spend_of(cast, -0.3)
    assert standing(budget).free == Decimal("10.3")
    page = cast.client(cast.vera).get(f"/teams/{cast.team.code}/budgets/").content.decode()
    assert 'class="spent" height="1" width="0.0000"' in page


def test_what_jobs_hold_is_part_of_the_forecast_and_they_hear_the_warning(cast: Cast) -> None:
    budget = make_budget(cast, "1.9")
    job = measure(cast)
    run_for(job, hours=0.01)
    assert 50 <= outlook(budget).percent < 80
    assert [alert.percent for alert in alerts_tell()] == [50]
    said = JobEvent.objects.filter(job=job, type="message").values_list("payload", flat=True)
    assert any("50 %" in payload["text"] for payload in said)
