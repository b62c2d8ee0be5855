"""Invoices: read by the rules of FOCUS or through a map, looked at first, taken once, compared with the ledger."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, transaction
from django.utils import timezone

from tests.factories import Cast
from tests.webapp.costs.rows import charge, make_attempt, make_machine
from webapp.costs.charges import FileRefused, charges_read
from webapp.costs.focus import amount_in, moment_in
from webapp.costs.models import ColumnMap, Invoice, InvoiceLine, InvoiceUpload, LedgerEntry
from webapp.costs.reconcile import differences

HEADER = (
    "BilledCost,EffectiveCost,ListCost,BillingCurrency,ChargePeriodStart,ChargePeriodEnd,ServiceName,ServiceCategory,"
    "ChargeCategory,ChargeClass,CommitmentDiscountId,CommitmentDiscountStatus,ChargeDescription,ProviderName,InvoiceId"
)
DAY_1 = "2026-11-01T00:00:00Z,2026-11-02T00:00:00Z"
DAY_2 = "2026-11-02T00:00:00Z,2026-11-03T00:00:00Z"
FOCUS = "\n".join(
    [
        HEADER,
        f"13.00,13.00,15.00,USD,{DAY_1},Virtual Machines,Compute,Usage,,,,GPU hours,Clouds,INV-7",
        f"0.00,4.00,5.00,USD,{DAY_1},Virtual Machines,Compute,Usage,,ri-1,Used,covered hours,Clouds,INV-7",
        f"0.00,6.00,6.00,USD,{DAY_1},Virtual Machines,Compute,Usage,,ri-1,Unused,idle hours,Clouds,INV-7",
        f"20.00,0.00,20.00,USD,{DAY_1},Virtual Machines,Compute,Purchase,,ri-1,,reservation,Clouds,INV-7",
        f"2.50,2.50,2.50,USD,{DAY_2},Data transfer,Networking,Usage,,,,egress,Clouds,INV-7",
        f"-1.00,-1.00,-1.00,USD,{DAY_2},Virtual Machines,Compute,Usage,Correction,,,of October,Clouds,INV-7",
    ]
)


def upload(cast: Cast, text: str, *, name: str = "bill.csv", **form: object) -> InvoiceUpload:
    """Send a file as Adam does, and return what waits for a look."""
    file = SimpleUploadedFile(name, text.encode())
    answer = cast.client(cast.adam).post(f"/teams/{cast.team.code}/invoices/", {"file": file, **form})
    assert answer.status_code == 302, answer.content.decode()
    return InvoiceUpload.objects.latest("created_at")


def take(cast: Cast, waiting: InvoiceUpload, **form: object) -> Invoice:
    values = {"usd_per_currency": "1", **form}
    answer = cast.client(cast.adam).post(f"/invoice-files/{waiting.code}/take/", values)
    assert answer["Location"].startswith("/invoices/"), answer["Location"]
    return Invoice.objects.latest("created_at")


def test_rows_count_as_what_they_are() -> None:
    found = charges_read(FOCUS, columns={}, constants={})
    assert found.problems == []
    assert [c.kind for c in found.charges] == [
        "compute", "compute", "commitment", "commitment", "purchase", "compute",
    ]  # fmt: skip
    assert [c.commitment_status for c in found.charges][1:3] == ["Used", "Unused"]
    assert found.charges[5].charge_class == "Correction"
    assert sum(c.billed_cost for c in found.charges) == Decimal("34.5")
    assert sum(c.effective_cost for c in found.charges) == Decimal("24.5")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("13.00,13.00", "lots,13.00"), "Row 2: BilledCost is 'lots'"),
        (("13.00,13.00", "13.00,"), "Row 2: EffectiveCost is empty"),
        (("USD,2026-11-01T00:00:00Z", "USD,yesterday"), "ChargePeriodStart is 'yesterday'"),
        (("Usage,,,,GPU", "Spent,,,,GPU"), "ChargeCategory is 'Spent'"),
        (("Usage,,,,GPU", "Usage,,,Used,GPU"), "no CommitmentDiscountId"),
        (("Usage,,,,GPU", "Usage,Maybe,,,GPU"), "ChargeClass is 'Maybe'"),
    ],
)  # fmt: skip
def test_a_row_that_breaks_a_rule_is_named(change: tuple[str, str], said: str) -> None:
    found = charges_read(FOCUS.replace(*change, 1), columns={}, constants={})
    assert found.num_problems == 1
    assert said in found.problems[0]
    assert len(found.charges) == 5


def test_a_table_that_is_not_focus_is_refused_with_what_it_lacks() -> None:
    with pytest.raises(FileRefused, match="BilledCost, EffectiveCost"):
        charges_read("date,cost\n2026-11-01,3\n", columns={}, constants={})


def test_nothing_is_taken_before_it_was_looked_at_and_nothing_twice(cast: Cast) -> None:
    waiting = upload(cast, FOCUS)
    page = cast.client(cast.adam).get(f"/invoice-files/{waiting.code}/").content.decode()
    assert 'data-figure="new">6<' in page
    assert InvoiceLine.objects.count() == 0
    invoice = take(cast, waiting)
    assert (invoice.provider, invoice.number, invoice.lines.count()) == ("Clouds", "INV-7", 6)
    more = FOCUS + f"\n9.00,9.00,9.00,USD,{DAY_2},Virtual Machines,Compute,Usage,,,,more hours,Clouds,INV-7"
    waiting = upload(cast, more)
    page = cast.client(cast.adam).get(f"/invoice-files/{waiting.code}/").content.decode()
    assert 'data-figure="new">1<' in page
    assert 'data-figure="known">6<' in page
    assert take(cast, waiting).lines.count() == 1
    assert not InvoiceUpload.objects.exists()


def test_equal_rows_of_one_file_are_charges_of_their_own(cast: Cast) -> None:
    row = FOCUS.splitlines()[1]
    invoice = take(cast, upload(cast, "\n".join([HEADER, row, row])))
    assert invoice.lines.count() == 2
    waiting = upload(cast, "\n".join([HEADER, row, row, row]))
    assert take(cast, waiting).lines.count() == 1


def test_lines_are_kept_as_they_came(cast: Cast) -> None:
    take(cast, upload(cast, FOCUS))
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        InvoiceLine.objects.update(billed_cost=0)


def test_other_tables_are_read_through_a_saved_map(cast: Cast) -> None:
    text = "Day;Product;Net amount\n2026-11-01;GPU;12,5\n2026-11-02;GPU;1,234\n"
    waiting = upload(cast, text, provider="Elsewhere", currency="eur")
    path = f"/invoice-files/{waiting.code}/"
    assert "are not in the file" in cast.client(cast.adam).get(path).content.decode()
    columns = {"column-billed_cost": "Net amount", "column-starts_at": "Day", "column-service": "Product"}
    assert cast.client(cast.adam).post(path, columns | {"map_name": "Elsewhere"}).status_code == 302
    page = cast.client(cast.adam).get(path).content.decode()
    assert "is not a number" in page  # 1,234 may be a thousand or one: it is not guessed at
    assert "cannot be taken as it is" in page
    cast.client(cast.adam).post(f"{path}discard/")
    saved = ColumnMap.objects.get(team=cast.team)
    waiting = upload(cast, text.replace("1,234", "7.5"), columns=saved.pk, provider="Elsewhere", currency="EUR")
    refused = cast.client(cast.adam).post(f"/invoice-files/{waiting.code}/take/", {"usd_per_currency": "1.1"})
    assert refused["Location"] == f"/invoice-files/{waiting.code}/"  # a rate has a day
    invoice = take(cast, waiting, usd_per_currency="1.1", rate_on="2026-11-03")
    assert (invoice.currency, invoice.provider, invoice.lines.count()) == ("EUR", "Elsewhere", 2)
    assert sum(each.invoiced_usd for each in differences(invoice)) == Decimal("22")


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1,234.56", "1234.56"), ("1.234,56", "1234.56"), ("-7,5", "-7.5"), ("1,234,567", "1234567"), ("1e3", "1000"),
        ("1,234", None), ("1.2.3", None), ("NaN", None), ("1e400", None), ("12,34.5", None),
    ],
)  # fmt: skip
def test_amounts_are_read_in_either_notation_and_never_guessed(text: str, amount: str | None) -> None:
    if amount is not None:
        assert amount_in({"billed_cost": text}, "billed_cost", needed=True) == Decimal(amount)
        return
    with pytest.raises(ValueError, match=r"not a number|that large"):
        amount_in({"billed_cost": text}, "billed_cost", needed=True)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026/11/3", 3),
        ("3.11.2026", 3),
        ("2026年11月3日", 3),
        ("2026-11-03", 3),
        ("3/11/2026", None),
        ("31.11.2026", None),
    ],
)
def test_days_are_read_as_they_are_written_where_they_can_be_one_day_alone(text: str, day: int | None) -> None:
    if day is not None:
        found = moment_in({"starts_at": text}, "starts_at")
        assert (found.year, found.month, found.day) == (2026, 11, day)
        return
    with pytest.raises(ValueError, match="write a day as"):
        moment_in({"starts_at": text}, "starts_at")


def test_the_difference_is_shown_by_day_and_service_and_booked_once(cast: Cast) -> None:
    make_machine("2", provider="clouds")
    start = timezone.make_aware(datetime(2026, 11, 1, 5))
    charge(make_attempt(cast, hours=6, started_at=start))  # 12 USD; the provider says 13
    invoice = take(cast, upload(cast, FOCUS))
    found = {(each.day.day, each.kind): each for each in differences(invoice)}
    assert found[1, "compute"].difference_usd == Decimal("1")
    assert found[1, "compute"].effective_difference_usd == Decimal("5")
    assert found[1, "commitment"].invoiced_usd == Decimal("20")
    assert found[2, "purchase"].difference_usd == Decimal("2.5")
    page = cast.client(cast.vera).get(f"/invoices/{invoice.code}/").content.decode()
    assert 'data-figure="invoiced" data-value="34.5' in page
    assert cast.client(cast.bob).post(f"/invoices/{invoice.code}/book/").status_code == 403
    before = LedgerEntry.objects.count()
    cast.client(cast.adam).post(f"/invoices/{invoice.code}/book/")
    assert LedgerEntry.objects.count() == before + 4
    assert all(not each.matters for each in differences(invoice))
    cast.client(cast.adam).post(f"/invoices/{invoice.code}/book/")
    assert LedgerEntry.objects.count() == before + 4


def test_a_charge_over_several_days_is_spread_over_its_time(cast: Cast) -> None:
    month = "2026-11-01T00:00:00Z,2026-12-01T00:00:00Z"
    row = f"300.00,300.00,300.00,USD,{month},Support,Other,Usage,,,,support plan,Clouds,INV-8"
    invoice = take(cast, upload(cast, "\n".join([HEADER, row])))
    found = differences(invoice)
    assert len(found) == 30
    assert [float(each.invoiced_usd) for each in found] == pytest.approx([10] * 30)


def test_csv_of_lines_and_differences(cast: Cast) -> None:
    invoice = take(cast, upload(cast, FOCUS))
    for name, count in (("lines", 6), ("differences", 4)):
        answer = cast.client(cast.vera).get(f"/invoices/{invoice.code}/{name}.csv")
        rows = b"".join(answer.streaming_content).decode().splitlines()  # type: ignore[attr-defined]
        assert len(rows) == 1 + count
