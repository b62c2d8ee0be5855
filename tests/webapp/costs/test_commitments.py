"""A reservation is sunk: what jobs use of it and what they do not add up to its fee, day by day and over its term."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db.models import Sum
from django.utils import timezone

from tests.factories import Cast
from tests.webapp.costs.rows import charge, make_attempt, make_machine
from webapp.costs.commitments import commitments_charge
from webapp.costs.models import Commitment, LedgerEntry
from webapp.costs.outcomes import spend_by_outcome
from webapp.costs.queries import ledger_of, spend

FIRST = date(2026, 11, 1)


def moment(day: int, hour: int = 0) -> datetime:
    return timezone.make_aware(datetime(2026, 11, day, hour))


@pytest.fixture
def commitment(cast: Cast) -> Commitment:
    """Two days of one device at 1 USD an hour, and 48 USD at the start: 2 USD an hour in effect."""
    return Commitment.objects.create(
        team=cast.team, name="Two days", provider="Clouds", machine=make_machine("5", provider="Clouds"),
        starts_on=FIRST, ends_on=FIRST + timedelta(days=1), usd_per_device_hour=1, upfront_usd=48,
    )  # fmt: skip


def test_a_job_carries_its_share_and_is_billed_nothing(cast: Cast, commitment: Commitment) -> None:
    entry = charge(make_attempt(cast, hours=6, started_at=moment(1, 3)))
    assert (entry.billed_usd, entry.effective_usd) == (0, Decimal("12"))
    assert (entry.commitment, entry.provider) == (commitment, "Clouds")


def test_over_the_term_cash_and_cost_are_the_same(cast: Cast, commitment: Commitment) -> None:
    for start, hours in (
        (moment(1, 3), 6),
        (moment(1, 20), 8),
        (moment(2, 10), 2),
    ):  # the second one runs over midnight
        charge(make_attempt(cast, hours=hours, started_at=start))
    assert commitments_charge(today=date(2026, 11, 10)) == 2
    assert commitments_charge(today=date(2026, 11, 11)) == 0
    total = spend(ledger_of(team=cast.team))
    assert total.billed_usd == Decimal(48 + 48)
    assert total.effective_usd == total.billed_usd
    assert total.unused_usd == Decimal(2 * (48 - 16))
    idle = {each.name: each.usd for each in spend_by_outcome(ledger_of(team=cast.team))}["idle"]
    assert idle == total.unused_usd
    by_day = LedgerEntry.objects.filter(outcome="unused").order_by("started_at").values_list("quantity", flat=True)
    assert list(by_day) == pytest.approx([24 - 6 - 4, 24 - 4 - 2])


def test_a_day_that_is_not_over_is_not_written(cast: Cast, commitment: Commitment) -> None:
    assert commitments_charge(today=FIRST) == 0
    assert commitments_charge(today=FIRST + timedelta(days=1)) == 1


def test_what_runs_beyond_the_term_is_paid_at_the_ordinary_price(cast: Cast, commitment: Commitment) -> None:
    entry = charge(make_attempt(cast, hours=4, started_at=moment(2, 22)))
    assert entry.billed_usd == Decimal(2 * 5)
    assert entry.effective_usd == Decimal(2 * 2 + 2 * 5)


def test_another_teams_job_has_no_part_in_it(cast: Cast, commitment: Commitment) -> None:
    from webapp.teams.models import Team

    commitment.team = Team.objects.create(name="Others")
    commitment.save()
    entry = charge(make_attempt(cast, hours=1, started_at=moment(1, 3)))
    assert (entry.billed_usd, entry.commitment) == (Decimal(5), None)


def test_admin_adds_one_by_form_and_its_past_days_are_written(cast: Cast) -> None:
    machine = make_machine("5", provider="Clouds")
    charge(make_attempt(cast, hours=1))
    today = timezone.localdate()
    form = {
        "name": "Reserved", "provider": "Clouds", "machine": machine.pk, "num_devices": "1",
        "starts_on": (today - timedelta(days=3)).isoformat(), "ends_on": (today + timedelta(days=3)).isoformat(),
        "usd_per_device_hour": "1", "upfront_usd": "0",
    }  # fmt: skip
    path = f"/teams/{cast.team.code}/commitments/"
    assert cast.client(cast.vera).post(path, form).status_code == 403
    forever = {"starts_on": "0001-01-01", "ends_on": "9999-12-31"}
    assert cast.client(cast.adam).post(path, form | forever).status_code == 422  # a line a day, for ten thousand years
    assert cast.client(cast.adam).post(path, form).status_code == 302
    fees = LedgerEntry.objects.filter(key__endswith=":fee")
    assert fees.aggregate(usd=Sum("billed_usd"))["usd"] == Decimal(3 * 24)
    again = cast.client(cast.adam).post(path, form)
    assert again.status_code == 422
    assert "Another commitment" in again.content.decode()


def test_jobs_at_the_same_time_share_its_devices(cast: Cast, commitment: Commitment) -> None:
    """One device of it, two jobs of two devices and one: who ends first has it, the next pays for what is not covered."""
    first = make_attempt(cast, hours=4, started_at=moment(1, 3))
    second = make_attempt(cast, hours=6, started_at=moment(1, 5))
    entries = charge(first), charge(second)
    assert [entry.billed_usd for entry in entries] == [0, Decimal(2 * 5)]  # from 5 to 7 both wanted the device
    assert [entry.effective_usd for entry in entries] == [Decimal(4 * 2), Decimal(4 * 2 + 2 * 5)]
    commitments_charge(today=FIRST + timedelta(days=1))
    unused = LedgerEntry.objects.get(outcome="unused")
    assert unused.quantity == pytest.approx(24 - 8)
    total = spend(ledger_of(team=cast.team))
    assert total.effective_usd == Decimal(48) + 10  # the day's share of the commitment, and the hours beyond it


def test_a_second_commitment_bears_what_the_first_cannot(cast: Cast, commitment: Commitment) -> None:
    more = Commitment.objects.create(
        team=cast.team, name="Another", provider="Clouds", machine=commitment.machine, starts_on=FIRST, ends_on=FIRST,
        usd_per_device_hour=3,
    )  # fmt: skip
    entries = [charge(make_attempt(cast, hours=4, started_at=moment(1, 3))) for _n in range(3)]
    assert [entry.commitment for entry in entries] == [commitment, more, None]
