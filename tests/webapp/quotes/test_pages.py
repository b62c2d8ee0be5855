"""What people see of quotes: beside the buttons, on jobs and runs, and on the page that judges them."""

from __future__ import annotations

import re
import time
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from economics.uncertainty import Interval
from economics.uncertainty.scoring import coverage_of, mean_interval_score_log
from tests.factories import Cast
from tests.webapp.quotes.rows import CALIBRATION, end_job, make_worker
from tests.webapp.quotes.test_quotes import start
from tests.webapp.runs.rows import make_version
from trainer.families import families
from webapp.catalogue.models import Accelerator, Price
from webapp.jobs.models import Job, State
from webapp.quotes.models import Quote
from webapp.quotes.quality import by_kind, judge, pairs_of
from webapp.quotes.templatetags.quotes import band, digits_of, likely
from webapp.runs.models import Run
from webapp.runs.spec_form import SpecForm

pytestmark = pytest.mark.django_db


def form_fields(cast: Cast, **changes: Any) -> dict[str, Any]:
    """Return the run form's fields as a browser sends them."""
    version = make_version(cast)
    form = SpecForm(project=cast.project, family=families()["gpt"])
    values = {name: form[name].value() for name in form.fields}
    plain = {name: value for name, value in values.items() if value is not None and value is not False}
    return {**plain, "family": "gpt", "version": version.pk, "schedule.num_steps": 300, **changes}


def panel(cast: Cast, **changes: Any) -> str:
    answer = cast.client(cast.bob).post(f"/projects/{cast.project.code}/runs/estimate/", form_fields(cast, **changes))
    assert answer.json()["errors"] == {}
    found: str = answer.json()["panel"]
    return found


def quantiles(html: str, name: str) -> list[tuple[float, float, float]]:
    found = re.findall(rf'data-figure="{name}" data-p10="([^"]+)" data-p50="([^"]+)" data-p90="([^"]+)"', html)
    return [tuple(float(x) for x in row) for row in found]  # type: ignore[misc]


def test_unmeasured_machine_shows_a_probe_and_no_number(cast: Cast) -> None:
    make_worker()
    html = panel(cast)
    assert "No basis yet" in html
    assert "/calibrate/" in html
    assert quantiles(html, "quote_seconds") == []
    assert "Fits" in html


def test_unknown_family_says_that_a_short_run_sets_the_basis(cast: Cast) -> None:
    make_worker(calibration=CALIBRATION)
    name = next(name for name in families() if name != "gpt" and name.startswith("bow"))
    form = SpecForm(project=cast.project, family=families()[name])
    values = {key: form[key].value() for key in form.fields}
    fields = {key: value for key, value in values.items() if value is not None and value is not False}
    fields |= {"family": name, "version": make_version(cast, data_kind=families()[name].data_kind).pk}
    html = cast.client(cast.bob).post(f"/projects/{cast.project.code}/runs/estimate/", fields).json()["panel"]
    assert "No basis yet" in html
    assert quantiles(html, "quote_seconds") == []


def test_form_shows_what_is_stored_with_the_job(cast: Cast) -> None:
    make_worker(calibration=CALIBRATION)
    fields = form_fields(cast)
    browser = cast.client(cast.bob)
    shown = browser.post(f"/projects/{cast.project.code}/runs/estimate/", fields).json()["panel"]
    assert browser.post(f"/projects/{cast.project.code}/runs/new/", fields).status_code == 302
    stored = Quote.objects.get(job=Run.objects.get().latest_job)
    for name in ("seconds", "usd", "kwh", "co2e_kg"):
        assert quantiles(shown, f"quote_{name}")[0] == pytest.approx(tuple(stored.intervals[name].values())), name


def test_alternatives_are_fresh_and_marked_by_price_and_time(cast: Cast) -> None:
    make_worker(calibration=CALIBRATION)
    h100, v100 = Accelerator.objects.get(name="H100 SXM"), Accelerator.objects.get(name="V100 SXM2 16GB")
    for accelerator, usd, age in ((h100, "2.50", 3), (v100, "0.0001", 400)):
        Price.objects.create(
            provider="Somebody", accelerator=accelerator, accelerator_name=accelerator.name, amount=Decimal(usd),
            usd_per_hour=Decimal(usd), seen_on=date.today() - timedelta(days=age), source="a test",
        )  # fmt: skip
    html = panel(cast)
    assert "H100 SXM" in html
    assert "V100" not in html  # cheapest by far, but its price is old
    assert "this machine" in html
    assert html.count("cheapest") == 1
    assert html.count("fastest") == 1
    elsewhere = next(row for row in html.split("<tr ") if "H100 SXM" in row)
    low, _middle, high = quantiles(elsewhere, "alternative_seconds")[0]
    assert high / low > 1.5  # nothing was measured there, the start least of all


def test_panel_is_quick(cast: Cast) -> None:
    """Typing must not wait: the whole answer, alternatives included."""
    make_worker(calibration=CALIBRATION)
    fields = form_fields(cast)
    browser = cast.client(cast.bob)
    address = f"/projects/{cast.project.code}/runs/estimate/"
    browser.post(address, fields)
    taken = []
    for _ in range(5):
        began = time.process_time()
        browser.post(address, fields)
        taken.append(time.process_time() - began)
    assert min(taken) < 0.5


def test_job_and_run_pages_compare_quote_and_actual(cast: Cast) -> None:
    worker = make_worker(calibration=CALIBRATION)
    job = start(cast)
    quoted = Quote.objects.get(job=job).intervals["seconds"]
    end_job(cast, job, worker, seconds=quoted["p50"])
    browser = cast.client(cast.vera)
    for address in (f"/jobs/{job.code}/", f"/runs/{Run.objects.get().code}/"):
        page = browser.get(address).content.decode()
        assert quantiles(page, "quoted")[0] == pytest.approx(tuple(quoted.values()))
        shown = re.search(r'data-quantity="seconds".*?data-actual="([^"]+)"', page, re.S)
        assert shown is not None, address
        assert float(shown[1]) == pytest.approx(quoted["p50"], rel=1e-3)
        assert "✓" in page
    file = browser.get(f"/jobs/{job.code}/quote.json").json()
    assert file["job"]["kind"].startswith("train gpt")


def test_running_job_is_told_its_course(cast: Cast) -> None:
    make_worker(calibration=CALIBRATION)
    job = start(cast)
    Job.objects.filter(pk=job.pk).update(
        state=State.RUNNING, progress_done=50, progress_total=200, started_at=timezone.now() - timedelta(hours=1)
    )
    page = cast.client(cast.vera).get(f"/jobs/{job.code}/").content.decode()
    shown = re.search(r'data-quantity="seconds".*?data-actual="([^"]+)"', page, re.S)
    assert shown is not None
    assert float(shown[1]) == pytest.approx(4 * 3600, rel=0.1)
    assert "on course" in page


def test_quality_equals_economics_on_the_same_pairs(cast: Cast) -> None:
    worker = make_worker(calibration=CALIBRATION)
    for factor in (0.9, 1.0, 1.1, 1.6):
        job = start(cast)
        end_job(cast, job, worker, seconds=factor * Quote.objects.get(job=job).intervals["seconds"]["p50"])
    failed = start(cast)
    end_job(cast, failed, worker, seconds=3, state=State.FAILED)
    pairs = pairs_of(cast.project)
    found = judge(pairs, title="all")
    done = [pair for pair in pairs if not pair.is_censored]
    assert (found.num_finished, found.num_censored) == (4, 1)
    assert found.coverage == coverage_of([p.quoted for p in done], [p.actual for p in done])
    assert found.score == pytest.approx(mean_interval_score_log([p.quoted for p in done], [p.actual for p in done]))
    assert [row.title for row in by_kind(pairs)] == ["train"]
    page = cast.client(cast.vera).get(f"/projects/{cast.project.code}/quotes/").content.decode()
    for name in ("bias", "coverage", "score"):
        assert f'data-figure="{name}"' in page
    assert "failed" in page


def test_empty_quality_page_says_what_to_do(cast: Cast) -> None:
    page = cast.client(cast.vera).get(f"/projects/{cast.project.code}/quotes/").content.decode()
    assert "No quoted job has ended yet" in page


@pytest.mark.parametrize(
    ("interval", "digits", "shown"),
    [
        (Interval(84.2, 94.1, 106.3), 2, "84–106 s"),
        (Interval(9, 30, 100), 2, "9.0–100 s"),
        (Interval(99.5, 100, 100.4), 3, "99.5–100 s"),
        (Interval(7e12, 2.3e13, 7.4e13), 2, "220 k–2.3 M y"),
    ],
)
def test_no_more_digits_than_the_interval_justifies(interval: Interval, digits: int, shown: str) -> None:
    assert digits_of(interval) == digits
    assert band(interval, "seconds") == shown


def test_unknown_is_unknown() -> None:
    assert likely("", "seconds") == "–"  # type: ignore[arg-type]
    assert likely(None, "usd") == "–"
    assert band(None, "usd") == "–"
