"""What other programs on the machine do to a quote: later, and wider."""

from __future__ import annotations

import socket
from datetime import timedelta
from typing import Any

import pytest
from django.template.loader import render_to_string
from django.utils import timezone

from tests.factories import Cast, make_ended_job
from tests.webapp.quotes.rows import CALIBRATION, make_worker
from tests.webapp.runs.rows import make_spec, make_version
from webapp.costs.models import Machine
from webapp.jobs.models import Attempt
from webapp.quotes import load
from webapp.quotes.figures import QuoteFigures
from webapp.quotes.load import Load, load_of, slowdown
from webapp.runs.estimates import estimate

pytestmark = pytest.mark.django_db


def quote_at(cast: Cast, monkeypatch: pytest.MonkeyPatch, cores: float) -> QuoteFigures:
    monkeypatch.setattr(load.os, "getloadavg", lambda: (cores, cores, cores))
    version = make_version(cast)
    return estimate(make_spec(version, num_steps=2_000), version).quote


def test_a_busy_machine_is_quoted_later_and_wider(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    make_worker(calibration=CALIBRATION, host=socket.gethostname())
    quiet, busy = (quote_at(cast, monkeypatch, cores).seconds for cores in (0.1, 6.0))
    assert quiet is not None
    assert busy is not None
    assert busy.p50 > 1.3 * quiet.p50
    assert busy.p90 > 3 * quiet.p50, "a load that stays must be inside: four times the work for the cores"
    assert busy.p10 < 1.25 * quiet.p50, "and so must one that goes away"


def test_a_calibration_made_among_others_widens_the_quote_and_asks_for_a_new_one(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = make_worker(calibration=CALIBRATION, host=socket.gethostname())
    alone = quote_at(cast, monkeypatch, 0.1)
    hardware = {"calibration": {**CALIBRATION, "cpu_fraction_before": 0.9}}
    Machine.objects.filter(host=worker.host).update(hardware=hardware)
    among = quote_at(cast, monkeypatch, 1.8)
    assert alone.busy_fraction_then is None
    assert among.busy_fraction_then == 0.9
    widths = [quote.seconds.p90 / quote.seconds.p10 for quote in (alone, among)]  # type: ignore[union-attr]
    assert widths[1] > 1.2 * widths[0]
    page = render_to_string("quotes/_intervals.html", {"quote": among})
    assert "measure it again" in page


def test_the_load_stands_among_the_assumptions(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    make_worker(calibration=CALIBRATION, host=socket.gethostname())
    rows: dict[str, Any] = {row["name"]: row for row in quote_at(cast, monkeypatch, 4.0).assumptions}
    assert "other programs want 4.0 of 2 cores" in rows["rate_beside_others"]["source"]


def test_a_machine_that_was_measured_as_busy_as_it_is_now_moves_nothing() -> None:
    same = slowdown(Load(others_cores=2.0, num_cores=2), 1.0)
    assert same is not None
    assert same.rate_factor == 1
    assert same.rate_spread > 1.5 * load.CALIBRATED_SPREAD, "what was timed among others is noisy"
    assert slowdown(Load(others_cores=0.1, num_cores=2), None) is None
    freed = slowdown(Load(others_cores=0.0, num_cores=2), 1.0)
    assert freed is not None
    assert freed.rate_factor > 1


@pytest.mark.parametrize(("ended", "others"), [(0.0, 0.0), (41.6, 1.0), (600.0, 2.0)])
def test_our_own_jobs_are_no_others_also_for_a_while_after_their_end(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, ended: float, others: float
) -> None:
    worker = make_worker(calibration=CALIBRATION, host=socket.gethostname())
    monkeypatch.setattr(load.os, "getloadavg", lambda: (2.0, 2.0, 2.0))
    end = timezone.now() - timedelta(seconds=ended)
    Attempt.objects.create(
        job=make_ended_job(cast, kind="train"),
        fence=1,
        worker=worker,
        started_at=end - timedelta(seconds=600),
        ended_at=end,
    )
    assert load_of(worker).others_cores == pytest.approx(others, abs=0.1)  # type: ignore[union-attr]


def test_a_machine_elsewhere_is_not_judged_by_this_one() -> None:
    assert load_of(make_worker(host="far-away")) is None
