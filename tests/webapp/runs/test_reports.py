"""The report of an evaluation on the run's page: from the file that a job wrote to the page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.factories import Cast
from tests.webapp.runs.rows import make_run
from trainer.metrics.label_report import single_label_report
from trainer.metrics.report import EvaluationReport, read_report, write_report
from trainer.metrics.thresholds import ErrorCurve
from webapp.jobs.models import JobEvent
from webapp.runs.models import Run
from webapp.runs.reports import Costs, choices

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(cast: Cast, settings: Any, tmp_path: Path) -> Run:
    """Return a run whose job left a report."""
    settings.ISOCOST_FILES = tmp_path
    run = make_run(cast, state="succeeded")
    chance = np.random.default_rng(2)
    truth = chance.integers(0, 3, 200)
    scores = chance.uniform(size=(200, 3)) + 1.5 * np.eye(3)[truth] * (chance.uniform(size=(200, 1)) < 0.8)
    rows = {
        "probabilities": scores / scores.sum(axis=1, keepdims=True),
        "truth": truth,
        "documents": np.arange(200),
    }
    report = single_label_report(
        split="test",
        names=["email", "http", "<xml>"],
        rows=rows,
        unseen=["http"],
        show=lambda i: (f"text {i}", "a.py", i),
    )
    relative = "attempts/1/artifacts/evaluation-test.json"
    write_report(run.latest_job.folder.path / relative, report)
    payload = {"type": "artifact", "name": "evaluation-test", "path": relative, "size_bytes": 1}
    JobEvent.objects.create(
        job=run.latest_job, seq=1_000, fence=1, line=99, at=run.created_at, type="artifact", payload=payload
    )
    return run


def test_the_pane_shows_measures_matrix_and_errors(cast: Cast, run: Run) -> None:
    text = cast.client(cast.vera).get(run.get_absolute_url(), {"tab": "evaluation"}).content.decode()
    for words in ("Confusion matrix", "MCC", "ECE", "AUROC", "&lt;xml&gt;", "1 of 3 labels occur here", "Thresholds"):
        assert words in text
    assert "<xml>" not in text


def test_thresholds_follow_the_costs(cast: Cast, run: Run) -> None:
    client = cast.client(cast.vera)

    def missed(**costs: Any) -> int:
        answer = client.get(run.get_absolute_url(), {"tab": "evaluation", **costs}, headers={"HX-Target": "run-pane"})
        return sum(each.misses for each in answer.context["choices"])

    assert missed(cost_miss=100) < missed(cost_false_alarm=100)
    broken = client.get(run.get_absolute_url(), {"tab": "evaluation", "cost_miss": "dear"})
    assert "must be a number" in broken.content.decode()


def test_a_report_outside_the_job_is_not_read(cast: Cast, run: Run) -> None:
    outside = run.latest_job.folder.path.parent / "elsewhere.json"
    outside.write_bytes(next(run.latest_job.folder.path.rglob("evaluation-test.json")).read_bytes())
    payload = {"type": "artifact", "name": "evaluation-validation", "path": "../elsewhere.json", "size_bytes": 1}
    JobEvent.objects.create(
        job=run.latest_job, seq=1_001, fence=1, line=100, at=run.created_at, type="artifact", payload=payload
    )
    answer = cast.client(cast.vera).get(run.get_absolute_url(), {"tab": "evaluation"})
    assert "split=validation" not in answer.content.decode()
    assert "Confusion matrix" in answer.content.decode()


def test_a_threshold_is_chosen_on_validation_and_judged_on_test(cast: Cast, run: Run) -> None:
    path = run.latest_job.folder.path / "attempts/1/artifacts/evaluation-test.json"
    report = read_report(path)
    costs = Costs(false_alarm=1, miss=20)
    own, judged = choices(report, costs), choices(report, costs, replace(report, curves=shifted(report)))
    assert [each.cost for each in own] <= [each.cost for each in judged]
    assert judged[0].threshold == pytest.approx(own[0].threshold / 2)
    assert judged[0].false_alarms > own[0].false_alarms  # it acts from a lower probability on than it should here
    assert (
        'class="reliability"'
        in cast.client(cast.vera).get(run.get_absolute_url(), {"tab": "evaluation"}).content.decode()
    )


def shifted(report: EvaluationReport) -> list[ErrorCurve]:
    """Return curves of examples on which the model was half as sure."""
    return [replace(curve, thresholds=[value / 2 for value in curve.thresholds]) for curve in report.curves]
