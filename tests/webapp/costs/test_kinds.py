"""Kinds of cost besides the device's time: storage by the day, payroll and revenue by hand, and what money led to."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from tests.factories import Cast
from tests.webapp.costs.rows import charge, make_attempt, make_machine
from webapp.costs import purposes, serving, storage
from webapp.costs.models import LedgerEntry, StoragePrice
from webapp.costs.months import day_start, month_of
from webapp.costs.outcomes import spend_by_outcome
from webapp.costs.pages import breakdown_rows
from webapp.costs.queries import ledger_of, spend, spend_by
from webapp.costs.services import Money, entry_add
from webapp.jobs.models import Job, State
from webapp.projects.models import Project

NOVEMBER = date(2026, 11, 10)


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """What an app keeps for every project, in bytes."""
    found = {"checkpoints": 30 * 10**9}
    monkeypatch.setattr(storage, "_sources", [lambda project: found])
    return found


def test_storage_is_a_line_for_each_day_and_project(cast: Cast, kept: dict[str, int]) -> None:
    StoragePrice.objects.create(since=NOVEMBER, usd_per_gb_month=Decimal("0.02"), source="a contract")
    assert storage.storage_charge(today=NOVEMBER) == Project.objects.count()
    assert storage.storage_charge(today=NOVEMBER) == 0
    entry = LedgerEntry.objects.get(project=cast.project, kind="storage")
    assert entry.quantity == pytest.approx(30 / 30)  # 30 GB for a day of a month of 30
    assert entry.effective_usd == pytest.approx(Decimal("0.02"))
    assert entry.billed_usd == 0  # a disk of one's own
    assert entry.price_basis["bytes"] == {"checkpoints": 30 * 10**9}


def test_days_on_which_nothing_ran_are_written_later_at_the_price_of_their_day(
    cast: Cast, kept: dict[str, int]
) -> None:
    StoragePrice.objects.create(since=NOVEMBER, usd_per_gb_month=Decimal("0.02"), source="a", provider="Disks")
    StoragePrice.objects.create(
        since=NOVEMBER + timedelta(days=2), usd_per_gb_month=Decimal("0.04"), source="b", provider="Disks"
    )
    storage.storage_charge(today=NOVEMBER)
    storage.storage_charge(today=NOVEMBER + timedelta(days=3))
    rows = LedgerEntry.objects.filter(project=cast.project, kind="storage").order_by("started_at")
    assert [float(entry.billed_usd) for entry in rows] == pytest.approx([0.02, 0.02, 0.04, 0.04])


def test_serving_is_a_line_for_each_day(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = make_machine("3.6")
    yesterday = timezone.localdate() - timedelta(days=1)

    def served_on(day: date) -> list[serving.Served]:
        if day != yesterday:
            return []
        return [
            serving.Served(
                project=cast.project, name="d1", title="Helper", device_seconds=500, num_tokens=900, machine=machine
            )
        ]

    monkeypatch.setattr(serving, "_sources", [served_on])
    assert serving.serving_charge() == 1
    assert serving.serving_charge() == 0
    entry = LedgerEntry.objects.get(kind="serving")
    assert (entry.effective_usd, entry.quantity, entry.unit) == (Decimal("0.5"), 900, "tokens")


def test_revenue_is_in_no_cost(cast: Cast) -> None:
    for kind, amount in (("payroll", "5000"), ("purchase", "120"), ("revenue", "900")):
        entry_add(
            team=cast.team, kind=kind, money=Money(amount=Decimal(amount)), day=NOVEMBER, description=kind,
            entered_by=cast.alice,
        )  # fmt: skip
    total = spend(ledger_of(team=cast.team))
    assert (total.effective_usd, total.revenue_usd, total.num_attempts) == (5120, 900, 0)
    assert {row["kind"] for row in spend_by(ledger_of(team=cast.team), "kind")} == {"payroll", "purchase"}


def test_an_entry_keeps_its_currency_and_the_rate_of_its_day(cast: Cast) -> None:
    money = Money(amount=Decimal(100), currency="EUR", usd_per_currency=Decimal("1.08"), rate_on=NOVEMBER)
    entry = entry_add(
        team=cast.team, kind="purchase", money=money, day=NOVEMBER, description="Labels", entered_by=cast.alice
    )
    entry.refresh_from_db()
    assert (entry.billed_usd, entry.amount, entry.currency) == (Decimal("108"), Decimal("100"), "EUR")
    with pytest.raises(ValidationError, match="which day"):
        entry_add(
            team=cast.team, kind="purchase", money=Money(amount=Decimal(1), currency="EUR"), day=NOVEMBER,
            description="x", entered_by=cast.alice,
        )  # fmt: skip
    with pytest.raises(ValidationError, match="by the system alone"):
        entry_add(
            team=cast.team, kind="compute", money=Money(amount=Decimal(1)), day=NOVEMBER, description="x",
            entered_by=cast.alice,
        )  # fmt: skip


def test_admin_writes_and_corrects_by_form_and_others_may_not(cast: Cast) -> None:
    path = f"/teams/{cast.team.code}/costs/entries/new/"
    form = {
        "kind": "payroll", "day": "2026-11-01", "description": "November", "amount": "4000", "currency": "EUR",
        "usd_per_currency": "1.1", "rate_on": "2026-11-01",
    }  # fmt: skip
    assert cast.client(cast.bob).post(path, form).status_code == 403
    for wrong in (
        {"rate_on": ""},
        {"day": "0001-01-01"},
        {"day": "2099-01-01"},
        {"rate_on": "2099-01-01"},
        {"amount": "-5"},
    ):
        assert cast.client(cast.adam).post(path, form | wrong).status_code == 422, wrong
    assert cast.client(cast.adam).post(path, form).status_code == 302
    entry = LedgerEntry.objects.get()
    assert (entry.effective_usd, entry.entered_by) == (Decimal("4400"), cast.adam)
    fixing = f"/teams/{cast.team.code}/costs/entries/{entry.pk}/"
    answer = cast.client(cast.adam).post(
        fixing, {"effective_usd": "4300", "billed_usd": "4300", "note": "typing error"}
    )
    assert answer.status_code == 302
    assert spend(ledger_of(team=cast.team)).effective_usd == Decimal("4300")
    assert LedgerEntry.objects.get(corrects=entry).entered_by == cast.adam
    assert cast.client(cast.charlie).get(fixing).status_code == 404


def test_what_died_after_its_checkpoint_was_done_twice(cast: Cast) -> None:
    make_machine("2")
    died = make_attempt(cast, hours=4, outcome="died", checkpoint_after_hours=3)
    again = make_attempt(cast, hours=2, job=died.job)
    for attempt in (died, again):
        charge(attempt)
    charge(make_attempt(cast, hours=1, outcome="failed", state=State.FAILED))
    charge(make_attempt(cast, hours=0.5, outcome="cancelled", state=State.CANCELLED))
    found = {each.name: float(each.usd) for each in spend_by_outcome(ledger_of(project=cast.project))}
    assert found == pytest.approx(
        {"useful": 10.0, "repeated": 2.0, "failed": 2.0, "cancelled": 1.0, "ladder": 0.0, "sweep": 0.0, "idle": 0.0}
    )
    assert sum(found.values()) == pytest.approx(float(spend(ledger_of(project=cast.project)).effective_usd))


@pytest.mark.parametrize("purpose", ["ladder", "sweep"])
def test_higher_apps_say_what_a_job_was_for(cast: Cast, monkeypatch: pytest.MonkeyPatch, purpose: str) -> None:
    make_machine("2")
    ladder_jobs: list[Job] = []
    monkeypatch.setattr(purposes, "_purposes", [lambda job: purpose if job in ladder_jobs else ""])
    attempt = make_attempt(cast, hours=1)
    ladder_jobs.append(attempt.job)
    assert charge(attempt).purpose == purpose
    found = {each.name: float(each.usd) for each in spend_by_outcome(ledger_of(project=cast.project))}
    assert (found[purpose], found["useful"]) == (pytest.approx(2), 0)


def spend_on(cast: Cast, day: date, usd: int, *, kind: str = "compute") -> None:
    LedgerEntry.objects.create(
        team=cast.team, project=cast.project, kind=kind, started_at=day_start(day), billed_usd=usd, effective_usd=usd
    )


def test_the_month_is_carried_to_its_end(cast: Cast) -> None:
    today = date(2026, 11, 20)
    for days_ago in range(1, 15):
        spend_on(cast, today - timedelta(days=days_ago), 10)
    spend_on(cast, today, 1000, kind="payroll")  # counts, and tells nothing of the days to come
    month = month_of(ledger_of(team=cast.team), today=today)
    assert month.sums[-1] == pytest.approx(1140)
    assert month.forecast.total is not None
    assert month.forecast.total.p50 == pytest.approx(1140 + 10 * 10)  # every known day cost the same
    assert len(month.forecast.by_day) == 10
    rows = list(breakdown_rows(ledger_of(team=cast.team)))
    assert {row[0] for row in rows} >= {"kind", "project", "outcome", "day", "month so far"}


def test_two_days_tell_nothing_of_the_next(cast: Cast) -> None:
    for days_ago in (1, 2):
        spend_on(cast, date(2026, 11, 20) - timedelta(days=days_ago), 10)
    assert month_of(ledger_of(team=cast.team), today=date(2026, 11, 20)).forecast.total is None
