"""Budget pages, and the question put to whoever sends a form that makes a job."""

from __future__ import annotations

import re

import pytest

from tests.factories import Cast
from tests.webapp.budgets.test_holds import make_budget, measure
from tests.webapp.jobs.rows import make_worker
from webapp.budgets.models import Budget, Encumbrance
from webapp.costs.models import Machine
from webapp.jobs.models import Job
from webapp.jobs.services import job_cancel

HOURLY = "400"  # a measurement takes about 15 seconds: 1.7 USD


@pytest.fixture(autouse=True)
def machine(cast: Cast) -> None:
    worker = make_worker()
    Machine.objects.create(host=worker.host, device="cpu", usd_per_device_hour=HOURLY)


def held_by_one(cast: Cast) -> tuple[float, float]:
    """Return p50 and p90 of the job that the button on the cost page makes."""
    path = f"/projects/{cast.project.code}/calibrate/"
    assert cast.client(cast.bob).post(path)["Location"].startswith("/jobs/")
    held = Encumbrance.objects.get()
    p50, p90 = float(held.usd_p50 or 0), float(held.usd_p90 or 0)
    job_cancel(job=held.job, by=cast.bob)
    return p50, p90


def test_any_form_asks_and_sends_itself_again(cast: Cast) -> None:
    p50, p90 = held_by_one(cast)
    make_budget(cast, (p50 + p90) / 2)
    path, browser = f"/projects/{cast.project.code}/calibrate/", cast.client(cast.bob)
    sender = f"http://testserver/projects/{cast.project.code}/costs/"
    answer = browser.post(path, {"kept": "as it was"}, headers={"Referer": sender})
    page = answer.content.decode()
    assert page.count("this job may take up to") == 1
    assert f'href="{sender}"' in page  # the form's own address answers to POST alone
    assert answer.status_code == 409
    assert 'data-answer="question"' in page
    assert '<input type="hidden" name="kept" value="as it was">' in page
    assert Job.objects.count() == 1  # the one that told what it takes
    again = browser.post(path, {"kept": "as it was", "budget_confirm": "1"})
    assert again["Location"].startswith("/jobs/")
    assert Encumbrance.objects.latest("made_at").confirmed_by == cast.bob
    page = browser.get(again["Location"]).content.decode()
    assert 'data-panel="hold"' in page


def test_an_admin_is_offered_the_override_and_a_member_is_not(cast: Cast) -> None:
    make_budget(cast, "0.01")
    path = f"/projects/{cast.project.code}/calibrate/"
    page = cast.client(cast.bob).post(path).content.decode()
    assert 'data-answer="refused"' in page
    assert "budget_override_reason" not in page
    refused = cast.client(cast.bob).post(path, {"budget_override_reason": "I want it"})
    assert refused.status_code == 409
    assert 'name="budget_override_reason"' in cast.client(cast.adam).post(path).content.decode()
    made = cast.client(cast.adam).post(path, {"budget_override_reason": "agreed with Alice"})
    assert made["Location"].startswith("/jobs/")
    assert Encumbrance.objects.get().overridden_by == cast.adam


def test_scripts_get_the_views_own_answer(cast: Cast) -> None:
    make_budget(cast, "0.01")
    path = f"/projects/{cast.project.code}/calibrate/"
    answer = cast.client(cast.bob).post(path, headers={"Sec-Fetch-Mode": "cors"})
    assert answer["Location"] == f"/projects/{cast.project.code}/costs/"


def test_admin_adds_changes_and_ends_a_budget(cast: Cast) -> None:
    path = f"/teams/{cast.team.code}/budgets/"
    form = {"amount": "25", "unit": "usd", "project": cast.project.pk, "month": "", "is_hard": "on"}
    assert cast.client(cast.bob).post(path, form).status_code == 403
    adam = cast.client(cast.adam)
    assert adam.post(path, form).status_code == 302
    again = adam.post(path, form)
    assert again.status_code == 422
    assert "There is a budget for this already" in again.content.decode()
    assert adam.post(path, form | {"month": "soon"}).status_code == 422
    budget = Budget.objects.get()
    assert adam.post(f"/budgets/{budget.code}/", {"amount": "30"}).status_code == 302
    budget.refresh_from_db()
    assert (budget.amount, budget.is_hard) == (30, False)
    measure(cast, hours=0.01)
    page = cast.client(cast.vera).get(f"/budgets/{budget.code}/").content.decode()
    held = re.search(r'data-figure="held" data-value="([\d.]+)"', page)
    assert held is not None
    assert float(held.group(1)) == pytest.approx(float(Encumbrance.objects.get().usd_p90 or 0), abs=1e-6)
    assert "At the change of month" in page
    assert adam.post(f"/budgets/{budget.code}/end/").status_code == 302
    for name in ("budgets.csv", "budgets/holds.csv"):
        answer = cast.client(cast.vera).get(f"/teams/{cast.team.code}/{name}")
        assert b"".join(answer.streaming_content)  # type: ignore[attr-defined]
