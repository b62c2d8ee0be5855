"""Prices: seeded, kept, ranked only while fresh; and what of a contract or of own hardware makes of an hour."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from economics.catalogue.prices import typical_price
from economics.ownership import owned_hour
from tests.factories import Cast
from webapp.catalogue import freshness
from webapp.catalogue.contracts import contract_bill, contract_left
from webapp.catalogue.models import Accelerator, ApiPrice, Contract, ContractUse, OwnHardware, Price, PurchasePrice
from webapp.catalogue.ownership import hardware_hour
from webapp.catalogue.seed import catalogue_seed
from webapp.catalogue.services import offers_fresh, price_for

pytestmark = pytest.mark.django_db
DAY = date(2026, 11, 23)


@pytest.fixture(autouse=True)
def _fixed_day(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("webapp.catalogue.views", "webapp.catalogue.services", "webapp.catalogue.views_team"):
        monkeypatch.setattr(f"{module}.today", lambda: DAY)


def make_price(*, age_days: int | None, usd: str = "2.00", accelerator: str = "H100 SXM", **changes: Any) -> Price:
    values: dict[str, Any] = {
        "provider": "Somebody", "accelerator": Accelerator.objects.get(name=accelerator), "accelerator_name": accelerator,
        "amount": Decimal(usd), "usd_per_hour": Decimal(usd), "source": "a test",
        "seen_on": None if age_days is None else DAY - timedelta(days=age_days), **changes,
    }  # fmt: skip
    return Price.objects.create(**values)


def test_catalogue_is_seeded_and_seeding_again_adds_nothing() -> None:
    counts = [model.objects.count() for model in (Accelerator, Price, ApiPrice, PurchasePrice)]
    assert counts[0] >= 40
    assert counts[1] >= 150
    assert min(counts) > 5
    assert Price.objects.filter(marks="undated").exists()
    catalogue_seed()
    assert [model.objects.count() for model in (Accelerator, Price, ApiPrice, PurchasePrice)] == counts


def test_seeding_leaves_what_an_operator_changed() -> None:
    Accelerator.objects.filter(name="H100 SXM").update(rated_watts=650)
    catalogue_seed()
    assert Accelerator.objects.get(name="H100 SXM").rated_watts == 650


@pytest.mark.parametrize(
    ("age", "is_ranked", "is_flagged"),
    [
        (0, True, False),
        (60, True, False),
        (61, True, True),
        (180, True, True),
        (181, False, False),
        (None, False, False),
    ],
)
def test_old_and_undated_prices_are_never_among_fresh_ones(age: int | None, is_ranked: bool, is_flagged: bool) -> None:
    """Even when they are the cheapest by far."""
    price = make_price(age_days=age, usd="0.01")
    fresh, apart = freshness.rank([price, make_price(age_days=1, provider="Other")], DAY)
    assert (price in [row.price for row in fresh]) == is_ranked
    assert (price in [old for group in apart for old in group.prices]) != is_ranked
    assert [row.is_flagged for row in fresh if row.price == price] == ([is_flagged] if is_ranked else [])


def test_apart_prices_say_of_when_they_are() -> None:
    old = make_price(age_days=None, seen_on=date(2025, 3, 9))
    _fresh, apart = freshness.rank([old, make_price(age_days=None)], DAY)
    assert [group.title for group in apart] == [
        "Prices of March 2025: refresh to compare",
        "Undated prices: refresh to compare",
    ]


def test_a_newer_price_takes_the_place_and_the_older_stays() -> None:
    old = make_price(age_days=40, usd="3.00")
    new = make_price(age_days=2, usd="2.50")
    now = [row.price for row in offers_fresh(DAY)]
    assert new in now
    assert old not in now
    then = [row.price for row in offers_fresh(DAY - timedelta(days=30))]
    assert old in then
    assert new not in then


def test_prices_cannot_be_changed_or_deleted() -> None:
    price = make_price(age_days=1)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        Price.objects.filter(pk=price.pk).update(amount=1)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        price.delete()


def test_price_for_is_the_median_of_fresh_offers_as_economics_has_it() -> None:
    found, economics = price_for("H100 SXM", at=DAY), typical_price("H100 SXM", today=DAY)
    assert found is not None
    assert economics is not None
    assert found.usd_per_hour == pytest.approx(economics.usd_per_accelerator_hour, rel=0.2)
    before = found.num_offers
    make_price(age_days=3, usd="0.90", provider="New")
    assert price_for("H100 SXM", at=DAY).num_offers == before + 1  # type: ignore[union-attr]


def test_unknown_price_is_none_and_an_old_one_says_so() -> None:
    name = "A100 80GB SXM"
    assert price_for("Rubin SXM", at=DAY) is None
    found = price_for(name, at=DAY)
    assert found is not None
    assert not found.is_fresh
    assert "refresh to compare" in found.note


def test_pages_tell_fresh_from_old(cast: Cast) -> None:
    make_price(age_days=70, usd="1.75", provider="Flagged Cloud")
    page = cast.client(cast.vera).get("/prices/?accelerator=H100 SXM").content.decode()
    ranked, apart = page.split("data-apart")
    assert "Flagged Cloud" in ranked
    assert "70 days old" in ranked
    assert "Prices of March 2025: refresh to compare" in apart
    assert "March 2025" not in ranked


@pytest.mark.parametrize("path", ["/prices/", "/prices/apis/", "/accelerators/?sort=-bf16", "/prices/prices.csv"])
def test_pages_open(path: str, cast: Cast) -> None:
    assert cast.client(cast.vera).get(path).status_code == 200


def test_accelerators_sort_with_the_unknown_last(cast: Cast) -> None:
    from webapp.catalogue.queries import accelerator_lines

    for descending in (False, True):
        values = [
            line.value("fp8_flop_per_second") for line in accelerator_lines(at=DAY, sort="fp8", descending=descending)
        ]
        known = [value for value in values if value is not None]
        assert known == sorted(known, reverse=descending)
        assert values[len(known) :] == [None] * (len(values) - len(known))


def test_detail_has_peaks_and_a_chart(cast: Cast) -> None:
    h100 = Accelerator.objects.get(name="H100 SXM")
    page = cast.client(cast.vera).get(h100.get_absolute_url()).content.decode()
    assert "989 TFLOP/s" in page
    assert "price-over-time" in page


def make_contract(cast: Cast, **changes: Any) -> Contract:
    values = {
        "provider": "Somebody", "discount_fraction": 0.2, "credits_usd": Decimal(50), "reserved_hours": 100.0,
        "credits_until": DAY + timedelta(days=10), "starts_on": DAY - timedelta(days=30), **changes,
    }  # fmt: skip
    return Contract.objects.create(team=cast.team, **values)


def test_reserved_hours_are_used_first_then_discount_then_credits(cast: Cast) -> None:
    contract = make_contract(cast)
    ContractUse.objects.create(contract=contract, used_on=DAY, hours=40, entered_by=cast.bob)
    bill = contract_bill(contract, hours=110, list_usd_per_hour=Decimal(2), on=DAY)
    assert bill.reserved_hours == 60
    assert bill.paid_hours == 50
    assert (bill.list_usd, bill.discount_usd, bill.credits_usd, bill.to_pay_usd) == (100, 20, 50, 30)


def test_credits_expire_and_a_contract_ends(cast: Cast) -> None:
    contract = make_contract(cast, ends_on=DAY + timedelta(days=20))
    late = DAY + timedelta(days=11)
    assert contract_left(contract, on=late).credits_usd == 0
    assert contract_left(contract, on=late).reserved_hours == 100
    over = contract_bill(contract, hours=10, list_usd_per_hour=Decimal(2), on=DAY + timedelta(days=21))
    assert (over.reserved_hours, over.to_pay_usd) == (0, 20)


def make_hardware(cast: Cast, **changes: Any) -> OwnHardware:
    values = {
        "name": "Rack 1",
        "purchase_usd": Decimal(30_000),
        "watts": 1_000.0,
        "staff_usd_per_year": 500.0,
        **changes,
    }
    return OwnHardware.objects.create(team=cast.team, **values)


def test_own_hardware_shows_what_economics_says(cast: Cast) -> None:
    hardware = make_hardware(cast)
    expected = owned_hour(
        purchase_usd=30_000, life_years=4, residual_fraction=0.1, cost_of_capital=0.1, watts=1_000, pue=1.2,
        electricity_usd_per_kwh=0.15, other_usd_per_year=500, utilisation=0.5,
    ).total_usd_per_hour  # fmt: skip
    assert hardware_hour(hardware).usd_per_hour == pytest.approx(expected)
    page = cast.client(cast.vera).get(hardware.get_absolute_url()).content.decode()
    assert f'data-value="{expected:.6f}"' in page


def test_own_forms(cast: Cast) -> None:
    admin = cast.client(cast.adam)
    fields = {
        "name": "Rack 2", "num_devices": 8, "purchase_usd": 1000, "life_years": 4, "residual_fraction": 0.1,
        "cost_of_capital": 0.1, "watts": 500, "idle_watts": 50, "pue": 0.5, "electricity_usd_per_kwh": 0.2,
        "rack_usd_per_year": 0, "staff_usd_per_year": 0, "utilisation": 0.5,
    }  # fmt: skip
    address = f"/teams/{cast.team.code}/hardware/new/"
    assert admin.post(address, fields).status_code == 422
    assert admin.post(address, {**fields, "pue": 1.3}).status_code == 302
    assert cast.client(cast.bob).post(address, fields).status_code == 403
    contract = make_contract(cast)
    assert (
        admin.post(f"/contracts/{contract.code}/use/", {"used_on": DAY, "hours": 5, "credits_usd": 0}).status_code
        == 302
    )
    page = admin.get(f"{contract.get_absolute_url()}?hours=200&list_usd=2").content.decode()
    assert 'data-figure="to_pay_usd" data-value="118.00"' in page  # 105 hours at 2, less 20 %, less 50 of credits
    assert "Rack 2" in admin.get(f"/teams/{cast.team.code}/own/").content.decode()
