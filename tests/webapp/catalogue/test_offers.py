"""What a team can have by the hour: its own hardware and contracts stand among the market's prices, on their own terms."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from economics.uncertainty import Interval
from tests.factories import Cast
from tests.webapp.costs.rows import charge, make_attempt, make_machine
from tests.webapp.quotes.rows import CALIBRATION, end_job, make_worker
from tests.webapp.runs.rows import make_spec, make_version
from webapp.catalogue.contracts import contract_left
from webapp.catalogue.freshness import today
from webapp.catalogue.models import Accelerator, Contract, ContractUse, OwnHardware, Price
from webapp.catalogue.offers import team_offers
from webapp.catalogue.ownership import hardware_hour
from webapp.costs.models import Commitment, Machine
from webapp.runs.estimates import estimate
from webapp.runs.services import run_create

pytestmark = pytest.mark.django_db


def make_contract(cast: Cast, **changes: Any) -> Contract:
    values: dict[str, Any] = {
        "provider": "Clouds", "discount_fraction": 0.25, "starts_on": today() - timedelta(days=10), **changes,
    }  # fmt: skip
    return Contract.objects.create(team=cast.team, **values)


def make_price(usd: str, accelerator: str = "H100 SXM", provider: str = "Clouds") -> Price:
    return Price.objects.create(
        provider=provider, accelerator=Accelerator.objects.get(name=accelerator), accelerator_name=accelerator,
        amount=Decimal(usd), usd_per_hour=Decimal(usd), source="a test", seen_on=today() - timedelta(days=1),
    )  # fmt: skip


def test_own_hardware_and_contracts_are_offers_of_the_team_alone(cast: Cast) -> None:
    owned = OwnHardware.objects.create(
        team=cast.team, name="Rack 1", accelerator=Accelerator.objects.get(name="H100 SXM"), purchase_usd=30_000,
        watts=1_000,
    )  # fmt: skip
    make_price("4.00")
    contract = make_contract(cast, reserved_hours=100, credits_usd=50)
    others = cast.charlie.memberships.get().team
    offers = {offer.key: offer for offer in team_offers(cast.team, today())}
    assert offers[f"own:{owned.code}"].usd_per_hour == pytest.approx(hardware_hour(owned).usd_per_hour)
    mine = offers[f"contract:{contract.code}:H100 SXM"]
    assert mine.usd_per_hour == pytest.approx(3.00)
    assert mine.to_pay(Interval(30, 330, 660)) == Interval(0, 0, 310)  # 100 h at 3.00 and 50 USD are covered
    assert "25 % off; 100 reserved hours left, used first; 50 USD of credits left" in mine.note
    assert not any(key.startswith(("own:", "contract:")) for key in (o.key for o in team_offers(others, today())))


def test_a_run_is_quoted_on_them_and_reserved_hours_make_them_the_cheapest(cast: Cast) -> None:
    make_worker(calibration=CALIBRATION)
    make_price("4.00")
    contract = make_contract(cast, reserved_hours=1_000)
    version = make_version(cast)
    rows = estimate(make_spec(version, num_steps=1_000), version, team=cast.team).elsewhere.rows
    mine = next(row for row in rows if row.offer and row.offer.key == f"contract:{contract.code}:H100 SXM")
    assert mine.usd == Interval(0, 0, 0)
    assert mine.is_cheapest
    ContractUse.objects.create(contract=contract, used_on=today(), hours=1_000)
    rows = estimate(make_spec(version, num_steps=1_000), version, team=cast.team).elsewhere.rows
    mine = next(row for row in rows if row.offer and row.offer.key == f"contract:{contract.code}:H100 SXM")
    assert mine.usd.p50 > 0


def test_this_machine_under_contract_is_quoted_and_charged_alike(cast: Cast) -> None:
    """The quote says what the ledger then writes: worth at the discounted price, less reserved hours and credits to pay."""
    worker = make_worker(calibration=CALIBRATION)
    Machine.objects.filter(host=worker.host).update(usd_per_device_hour=Decimal("4"), provider="clouds ")
    version = make_version(cast)
    spec = make_spec(version, num_steps=4_000)
    before = estimate(spec, version, team=cast.team).quote
    make_contract(cast, reserved_hours=0.001)
    quote = estimate(spec, version, team=cast.team).quote
    assert before.to_pay_usd is None
    assert quote.usd is not None
    assert quote.usd.p50 == pytest.approx(0.75 * before.usd.p50, rel=0.05)  # type: ignore[union-attr]
    assert quote.to_pay_usd is not None
    assert quote.usd.p50 - quote.to_pay_usd.p50 == pytest.approx(0.001 * 3.0)
    assert "25 % off" in quote.price_basis["contract"]


def test_a_commitment_is_sunk_in_the_quote_as_in_the_ledger(cast: Cast) -> None:
    """Hours that are paid for already cost nothing more; what they are worth is the commitment's rate."""
    worker = make_worker(calibration=CALIBRATION)
    Machine.objects.filter(host=worker.host).update(usd_per_device_hour=Decimal("4"), provider="Clouds")
    make_contract(cast, reserved_hours=5)  # the ledger asks the commitment first
    version = make_version(cast)
    spec = make_spec(version, num_steps=4_000)
    Commitment.objects.create(
        team=cast.team, name="预留", provider="Clouds", machine=Machine.objects.get(host=worker.host), num_devices=1,
        starts_on=today() - timedelta(days=1), ends_on=today() + timedelta(days=9), usd_per_device_hour=1, upfront_usd=264,
    )  # fmt: skip
    quote = estimate(spec, version, team=cast.team).quote
    assert quote.seconds is not None
    assert quote.usd is not None
    assert quote.usd.p50 == pytest.approx(quote.seconds.p50 / 3600 * 2.0, rel=0.05)
    assert quote.to_pay_usd == Interval(0, 0, 0)
    assert "预留: 240 reserved hours left" in quote.price_basis["contract"]
    job = run_create(project=cast.project, created_by=cast.bob, version=version, spec=spec).latest_job
    end_job(cast, job, worker, seconds=quote.seconds.p50)
    page = cast.client(cast.vera).get(f"/jobs/{job.code}/").content.decode()
    shown = dict(re.findall(r'data-quantity="(\w+)".*?data-actual="([^"]+)"', page, re.S))
    assert float(shown["to_pay_usd"]) == 0
    assert float(shown["usd"]) == pytest.approx(quote.usd.p50, rel=0.01)


def test_the_ledger_takes_reserved_hours_first_and_once(cast: Cast) -> None:
    make_machine("2", provider="Clouds")
    contract = make_contract(cast, reserved_hours=5, credits_usd=Decimal("3"))
    first, second, third = (charge(make_attempt(cast, hours=hours)) for hours in (4, 2, 4))
    assert (first.billed_usd, first.effective_usd) == (0, Decimal("6.0"))  # 4 h reserved, worth 1.50 each
    assert (second.billed_usd, second.effective_usd) == (0, Decimal("3.0"))  # 1 h reserved, credits pay 1.50
    assert (third.billed_usd, third.effective_usd) == (Decimal("4.5"), Decimal("6.0"))  # 1.50 of credits were left
    left = contract_left(contract, on=today())
    assert (left.reserved_hours, left.credits_usd) == (0, 0)
    assert third.price_basis["contract"]["credits_usd"] == "1.50000000"


def test_writing_an_attempt_twice_takes_of_the_contract_once(cast: Cast) -> None:
    from webapp.costs.services import ledger_write

    make_machine("2", provider="Clouds")
    contract = make_contract(cast, reserved_hours=5)
    attempt = make_attempt(cast, hours=2)
    charge(attempt)
    ledger_write(attempt)
    assert contract_left(contract, on=today()).reserved_hours == 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"watts": "1e300"}, {"watts": "nan"}, {"life_years": "1e308"}, {"life_years": "0"}, {"cost_of_capital": "1e10"},
        {"electricity_usd_per_kwh": "1e300"}, {"purchase_usd": "-5"}, {"pue": "0.5"}, {"utilisation": "0"}, {"name": ""},
    ],
)  # fmt: skip
def test_hardware_that_no_formula_can_price_is_refused(cast: Cast, wrong: dict[str, str]) -> None:
    right = {
        "name": "机架", "num_devices": "2", "purchase_usd": "2600", "life_years": "4", "residual_fraction": "0.1",
        "cost_of_capital": "0.1", "watts": "500", "idle_watts": "0", "pue": "1.2", "electricity_usd_per_kwh": "0.15",
        "rack_usd_per_year": "0", "staff_usd_per_year": "0", "utilisation": "0.5",
    }  # fmt: skip
    browser, address = cast.client(cast.adam), f"/teams/{cast.team.code}/hardware/new/"
    assert browser.post(address, right | wrong).status_code == 422
    assert browser.post(address, right).status_code == 302
    assert "机架" in browser.get(f"/teams/{cast.team.code}/own/").content.decode()


@pytest.mark.parametrize(
    "wrong",
    [{"reserved_hours": "1e300"}, {"discount_fraction": "-1"}, {"credits_usd": "NaN"}, {"ends_on": "2020-01-01"}],
)
def test_contracts_beyond_all_bounds_are_refused(cast: Cast, wrong: dict[str, str]) -> None:
    right = {
        "provider": "阿里云", "discount_fraction": "0.2", "credits_usd": "0", "reserved_hours": "0", "starts_on": "2026-11-01",
    }  # fmt: skip
    browser, address = cast.client(cast.adam), f"/teams/{cast.team.code}/contracts/new/"
    assert browser.post(address, right | wrong).status_code == 422
    assert browser.post(address, right).status_code == 302
