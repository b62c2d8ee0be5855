"""The ledger: every ended attempt has its row once, nothing is ever changed, and sums are what the page shows."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from economics.ownership import owned_hour
from tests.factories import Cast
from webapp.costs.models import LedgerEntry, Machine
from webapp.costs.prices import machine_hour_price
from webapp.costs.queries import ledger_of, spend, spend_by, spend_by_day
from webapp.costs.services import ledger_correct, ledger_write, machine_ensure
from webapp.jobs.kinds import JobKind, register_kind
from webapp.jobs.models import Attempt, Job, State, Worker


class PlainKind(JobKind):
    name = "plain"

    def model_label(self, job: Job) -> str:
        return "a model"


register_kind(PlainKind())


def make_attempt(cast: Cast, *, seconds: float, outcome: str = "succeeded", energy_kwh: float | None = None) -> Attempt:
    worker, _ = Worker.objects.get_or_create(
        name="here/cpu/1", defaults={"host": "here", "queue": "cpu", "hardware": {"processor": "A", "num_cores": 2}}
    )
    now = timezone.now()
    state = outcome if outcome in State.values else State.FAILED
    job = Job.objects.create(
        project=cast.project,
        team=cast.team,
        kind="plain",
        spec={},
        state=state,
        ended_at=now,
        fence=1,
        created_by=cast.bob,
    )
    started = now - timedelta(seconds=seconds)
    return Attempt.objects.create(
        job=job, fence=1, worker=worker, started_at=started, ended_at=now, outcome=outcome, energy_kwh=energy_kwh
    )


def test_amount_is_seconds_times_price(cast: Cast) -> None:
    attempt = make_attempt(cast, seconds=1800)
    Machine.objects.update_or_create(host="here", device="A", defaults={"usd_per_device_hour": Decimal("2.50")})
    ledger_write(attempt)
    entry = LedgerEntry.objects.get()
    assert entry.effective_usd == pytest.approx(Decimal("1.25"), abs=Decimal("1e-6"))
    assert entry.billed_usd == entry.effective_usd
    assert entry.member == cast.bob
    assert entry.model_label == "a model"


def test_owned_machine_is_charged_by_the_formula(cast: Cast) -> None:
    attempt = make_attempt(cast, seconds=3600)
    ledger_write(attempt)
    machine, total = Machine.objects.get(), spend(ledger_of())
    expected = owned_hour(
        purchase_usd=float(machine.purchase_usd),
        life_years=machine.life_years,
        residual_fraction=machine.residual_fraction,
        cost_of_capital=machine.capital_rate,
        watts=machine.power_watts,
        pue=machine.pue,
        electricity_usd_per_kwh=machine.electricity_usd_per_kwh,
        utilisation=machine.use_fraction,
    )
    assert float(total.effective_usd) == pytest.approx(expected.total_usd_per_hour, rel=1e-4)
    assert float(total.billed_usd) == pytest.approx(expected.electricity_usd_per_hour, rel=1e-3)
    assert total.energy_kwh == pytest.approx(machine.power_watts * machine.pue / 1000)
    assert not total.all_measured
    assert total.co2e_kg == pytest.approx(total.energy_kwh * machine.grid_g_co2e_per_kwh / 1000)
    assert (total.num_attempts, total.seconds) == (1, pytest.approx(3600))
    device, power = LedgerEntry.objects.get(kind="compute"), LedgerEntry.objects.get(kind="energy")
    assert float(device.effective_usd) == pytest.approx(expected.capital_usd_per_hour, rel=1e-4)
    assert device.billed_usd == 0
    assert float(power.effective_usd) == pytest.approx(expected.electricity_usd_per_hour, rel=1e-3)


def test_measured_energy_is_marked(cast: Cast) -> None:
    ledger_write(make_attempt(cast, seconds=60, energy_kwh=0.01))
    entry, machine = LedgerEntry.objects.get(kind="energy"), Machine.objects.get()
    assert entry.energy_is_measured
    assert entry.energy_kwh == pytest.approx(0.01 * machine.pue)
    assert float(entry.billed_usd) == pytest.approx(entry.energy_kwh * machine.electricity_usd_per_kwh)


def test_second_writing_adds_nothing(cast: Cast) -> None:
    attempt = make_attempt(cast, seconds=60)
    ledger_write(attempt)
    before = spend(ledger_of())
    ledger_write(attempt)
    assert spend(ledger_of()) == before
    assert LedgerEntry.objects.filter(kind="compute").count() == 1


def test_database_refuses_to_change_or_delete_an_entry(cast: Cast) -> None:
    ledger_write(make_attempt(cast, seconds=60))
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        LedgerEntry.objects.update(effective_usd=0)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        LedgerEntry.objects.all()._raw_delete("default")
    assert LedgerEntry.objects.count() == 2


def test_entry_outlives_the_account_of_who_made_it(cast: Cast) -> None:
    ledger_write(make_attempt(cast, seconds=60))
    cast.bob.delete()
    assert set(LedgerEntry.objects.values_list("member", flat=True)) == {None}


def test_correction_points_at_the_first_and_the_sum_is_right(cast: Cast) -> None:
    attempt = make_attempt(cast, seconds=3600)
    Machine.objects.create(host="here", device="A", usd_per_device_hour=Decimal("2.50"))
    ledger_write(attempt)
    first = LedgerEntry.objects.get()
    ledger_correct(entry=first, effective_usd=Decimal("1"), billed_usd=Decimal("0.5"), note="wrong price")
    again = ledger_correct(entry=first, effective_usd=Decimal("2"), billed_usd=Decimal("0.5"), note="still wrong")
    assert again.corrects == first
    total = spend(ledger_of(project=cast.project))
    assert total.effective_usd == Decimal("2")
    assert total.billed_usd == Decimal("0.5")
    assert total.num_attempts == 1
    assert total.seconds == pytest.approx(first.seconds)


def test_a_correction_needs_a_reason(cast: Cast) -> None:
    ledger_write(make_attempt(cast, seconds=60))
    with pytest.raises(ValueError, match="note"):
        ledger_correct(
            entry=LedgerEntry.objects.filter(kind="compute").get(),
            effective_usd=Decimal(1),
            billed_usd=Decimal(1),
            note=" ",
        )


def test_waste_is_what_failed_and_died(cast: Cast) -> None:
    for outcome in ("succeeded", "failed", "died", "cancelled"):
        ledger_write(make_attempt(cast, seconds=3600, outcome=outcome))
    total = spend(ledger_of(project=cast.project))
    assert total.wasted_fraction == pytest.approx(0.5, rel=1e-6)


def test_days_without_spend_are_there(cast: Cast) -> None:
    for days in (0, 3):
        attempt = make_attempt(cast, seconds=60)
        attempt.started_at -= timedelta(days=days)
        attempt.ended_at -= timedelta(days=days)
        ledger_write(attempt)
    by_day = spend_by_day(ledger_of(project=cast.project))
    assert len(by_day["days"]) == 4
    assert by_day["kinds"] == ["compute", "energy"]
    assert [value > 0 for value in by_day["usd"][0]] == [True, False, False, True]


def test_price_of_an_unknown_machine_shows_its_formula(cast: Cast) -> None:
    machine = machine_ensure(worker=make_attempt(cast, seconds=1).worker)
    price = machine_hour_price(machine)
    assert not price.is_set_by_user
    assert price.basis["capital_usd_per_hour"] + price.basis["electricity_usd_per_hour"] == pytest.approx(
        float(price.effective_usd), abs=1e-6
    )


def test_page_shows_the_sum_of_the_ledger(cast: Cast) -> None:
    for seconds in (1800, 5400):
        ledger_write(make_attempt(cast, seconds=seconds))
    page = cast.client(cast.vera).get(f"/projects/{cast.project.code}/costs/").content.decode()
    shown = Decimal(re.search(r'data-figure="effective_usd" data-value="([\d.]+)"', page).group(1))  # type: ignore[union-attr]
    assert shown == sum(LedgerEntry.objects.values_list("effective_usd", flat=True))
    rows = spend_by(ledger_of(project=cast.project), "model_label")
    assert [row["model_label"] for row in rows] == ["a model"]


def test_csv_has_every_entry_and_runs_no_formula(cast: Cast) -> None:
    ledger_write(make_attempt(cast, seconds=60))
    cast.project.name = "=1+1"
    cast.project.save()
    answer = cast.client(cast.vera).get(f"/projects/{cast.project.code}/costs/ledger.csv")
    lines = b"".join(answer.streaming_content).decode().splitlines()  # type: ignore[attr-defined]
    assert len(lines) == 1 + LedgerEntry.objects.count()
    assert "'=1+1" in lines[1]


def test_machine_price_is_the_operators_alone(cast: Cast) -> None:
    machine = machine_ensure(worker=make_attempt(cast, seconds=1).worker)
    assert cast.client(cast.alice).get(f"/machines/{machine.pk}/").status_code == 404
    cast.alice.is_staff = True
    cast.alice.save()
    browser = cast.client(cast.alice)
    form = {
        "usd_per_device_hour": "", "purchase_usd": "900", "life_years": "5", "residual_fraction": "0.1",
        "capital_rate": "0.05", "use_fraction": "0.4", "power_watts": "80", "pue": "1.2",
        "electricity_usd_per_kwh": "0.2", "grid_g_co2e_per_kwh": "50",
    }  # fmt: skip
    assert browser.post(f"/machines/{machine.pk}/", form).status_code == 302
    machine.refresh_from_db()
    assert machine.life_years == 5
    refused = browser.post(f"/machines/{machine.pk}/", form | {"use_fraction": "0", "pue": "0.5"})
    assert refused.status_code == 422
    assert b"greater than or equal to 1." in refused.content
    for wrong in ({"usd_per_device_hour": "-1"}, {"power_watts": "1e300"}, {"capital_rate": "nan"}):
        assert browser.post(f"/machines/{machine.pk}/", form | wrong).status_code == 422, wrong


def test_member_has_the_machine_measured(cast: Cast) -> None:
    path = f"/projects/{cast.project.code}/calibrate/"
    assert cast.client(cast.vera).post(path).status_code == 403
    answer = cast.client(cast.bob).post(path)
    job = Job.objects.get(kind="calibrate")
    assert answer["Location"] == f"/jobs/{job.code}/"
    assert job.spec["kind"] == "calibrate"
