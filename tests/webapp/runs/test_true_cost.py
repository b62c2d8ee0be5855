"""What a model really cost: every job along its lineage once, failures apart, and the sum is the ledger's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.factories import Cast, make_run
from tests.webapp.costs.rows import charge, make_attempt, make_machine
from webapp.costs import lineage
from webapp.costs.lineage import LineagePart, true_cost
from webapp.costs.queries import ledger_of, spend
from webapp.jobs.models import Job, State
from webapp.runs.models import Run, TrainJob
from webapp.runs.quality_cost import quality_cost


def paid_run(cast: Cast, name: str, hours: float, *, like: Run | None = None, **fields: Any) -> Run:
    """Return a run whose one attempt took so many hours of a machine at 1 USD an hour."""
    run = make_run(cast, name, **fields)
    if like is not None:
        run.dataset_version = like.dataset_version
        run.save()
    charge(make_attempt(cast, hours=hours, job=run.latest_job))
    return run


@pytest.fixture
def story(cast: Cast) -> Run:
    """Data for 2 USD, a trial for 3, a run for 10 whose first attempt lost 1, and a failed job of the same run for 4."""
    make_machine("1")
    trial = paid_run(cast, "trial", 3)
    run = make_run(cast, "final")
    run.dataset_version = trial.dataset_version
    run.save()
    charge(make_attempt(cast, hours=2, job=run.dataset_version.job))
    charge(make_attempt(cast, hours=3, outcome="died", checkpoint_after_hours=2, job=run.latest_job))
    charge(make_attempt(cast, hours=8, job=run.latest_job))
    failed = make_attempt(cast, hours=4, outcome="failed", state=State.FAILED)
    TrainJob.objects.create(job=failed.job, run=run)
    charge(failed)
    paid_run(cast, "on other data", 50)
    return run


def test_each_part_is_a_step_and_the_sum_is_the_whole(story: Run) -> None:
    cost = true_cost(story)
    assert [float(step.usd) for step in cost.steps] == pytest.approx([2, 3, 5, 10])
    assert cost.total_usd == Decimal(20)
    assert cost.own_usd == Decimal(15)
    assert spend(ledger_of(project=story.project)).effective_usd == Decimal(70)


def test_higher_apps_add_their_part_and_no_job_counts_twice(
    story: Run, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung = paid_run(cast, "rung", 7, like=story)
    Run.objects.filter(pk=rung.pk).update(created_at=story.created_at)  # so it is a trial on the same data, too

    def ladder_parts(subject: Any) -> Iterator[LineagePart]:
        yield LineagePart(title="Ladder", jobs=Job.objects.filter(train_job__run=rung), place=20, rank=3)

    monkeypatch.setattr(lineage, "_sources", [*lineage._sources, ladder_parts])
    cost = true_cost(story)
    assert [step.title for step in cost.steps][1] == "Ladder"
    assert [float(step.usd) for step in cost.steps] == pytest.approx([2, 7, 3, 5, 10])


def test_page_panel_and_csv_say_the_same(story: Run, cast: Cast) -> None:
    browser = cast.client(cast.vera)
    page = browser.get(f"/runs/{story.code}/true-cost/").content.decode()
    shown = re.search(r'data-figure="true_cost" data-value="([\d.]+)"', page)
    assert shown is not None
    assert Decimal(shown.group(1)) == Decimal(20)
    assert 'data-panel="true-cost"' in browser.get(f"/runs/{story.code}/").content.decode()
    answer = browser.get(f"/runs/{story.code}/true-cost.csv")
    rows = b"".join(answer.streaming_content).decode().splitlines()  # type: ignore[attr-defined]
    assert len(rows) == 1 + 4 + 1


def test_a_point_of_quality_has_its_price_from_the_frontier(cast: Cast) -> None:
    make_machine("1")
    first = None
    for k, (hours, loss) in enumerate([(1, 3.0), (2, 2.8), (4, 2.6), (8, 2.4), (16, 2.2), (6, 2.9)]):
        summary = {"validation/bits_per_byte": {"min": loss}}
        run = paid_run(cast, f"run-{k}", hours, like=first, summary=summary, spec={"size": k, "seed": 1})
        first = first or run
    assert first is not None
    found = quality_cost(cast.project, first.dataset_version)
    assert [paid.on_frontier for paid in found.runs] == [True, True, True, False, True, True]
    assert found.marginal is not None
    per_doubling = 0.2  # of loss; so one hundredth costs 16 x (2 ** 0.05 - 1)
    assert found.marginal.usd_per_point.p10 < 16 * (2 ** (0.01 / per_doubling) - 1) < found.marginal.usd_per_point.p90
    assert found.marginal.noise_is_assumed
    page = cast.client(cast.vera).get(f"/projects/{cast.project.code}/costs/quality/").content.decode()
    assert 'data-figure="marginal"' in page
    again = paid_run(
        cast, "again", 4, like=first, summary={"validation/bits_per_byte": {"min": 2.61}}, spec={"size": 2, "seed": 2}
    )
    measured = quality_cost(cast.project, again.dataset_version).marginal
    assert measured is not None
    assert not measured.noise_is_assumed


def test_a_point_of_accuracy_has_its_price_too(cast: Cast) -> None:
    make_machine("1")
    first = None
    for k, (hours, accuracy) in enumerate([(1, 0.70), (2, 0.75), (4, 0.80), (8, 0.85), (16, 0.90), (6, 0.71)]):
        summary = {"validation/accuracy": {"min": 0.1, "max": accuracy}, "validation/loss": {"min": 5.0 - k}}
        run = paid_run(cast, f"run-{k}", hours, like=first, summary=summary, family="vision", spec={"size": k})
        first = first or run
    assert first is not None
    found = quality_cost(cast.project, first.dataset_version)
    assert [paid.on_frontier for paid in found.runs] == [True, True, True, False, True, True]
    assert (found.metric, found.best_value) == ("validation/accuracy", 0.9)
    assert found.marginal is not None
    assert found.marginal.usd_per_point.p10 < 16 * (2 ** (0.01 / 0.05) - 1) < found.marginal.usd_per_point.p90
    page = cast.client(cast.vera).get(f"/projects/{cast.project.code}/costs/quality/").content.decode()
    assert "for 0.01 accuracy more" in page
