"""The reports that a run's evaluations left, ready to be drawn: one page for every family, which it does not know by name.

A family writes an `EvaluationReport`; what it has is shown, what it lacks is left out.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import lru_cache
from math import log10
from pathlib import Path

import msgspec
from django.http import HttpRequest
from django.template.loader import render_to_string

from trainer.errors import InputError
from trainer.metrics.report import Bin, EvaluationReport, Matrix, read_report, report_name
from trainer.metrics.thresholds import Choice, choice_elsewhere, pick_threshold
from webapp.jobs.models import JobEvent
from webapp.runs.models import Run

log = logging.getLogger(__name__)
SPLITS = ("test", "validation")
HEAT_STEPS = 5
DEFAULT_COST = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    count: int
    heat: int
    """0 to 5, by its share of the row."""

    is_right: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Dot:
    """Answers of about the same confidence in a square of 100 by 100; the more, the larger."""

    x: str
    y: str
    radius: str

    @classmethod
    def of(cls, answers: Bin) -> Dot:
        radius = 0.8 + log10(max(answers.count, 1))
        return cls(x=f"{100 * answers.confidence:.1f}", y=f"{100 - 100 * answers.accuracy:.1f}", radius=f"{radius:.1f}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Costs:
    """What each kind of error costs, as the page's form says; and the sentence where it cannot be."""

    false_alarm: float = DEFAULT_COST
    miss: float = DEFAULT_COST
    problem: str = ""


def report_panel(request: HttpRequest, run: Run) -> str:
    """Return what stands on the evaluation pane below the figures; empty where no evaluation left a report."""
    wanted = request.GET.get("split", "")
    paths = {split: path for split in SPLITS if (path := report_path(run, split)) is not None}
    split = wanted if wanted in paths else next(iter(paths), "")
    report = load(paths[split]) if split else None
    if report is None:
        return ""
    costs = costs_of(request)
    chosen_on = load(paths["validation"]) if split == "test" and "validation" in paths else None
    context = {
        "run": run, "report": report, "splits": list(paths), "split": split, "costs": costs,
        "choices": choices(report, costs, chosen_on), "is_judged": chosen_on is not None,
        "dots": [Dot.of(each) for each in report.calibration], "matrix": matrix_rows(report.matrix) if report.matrix else [],
    }  # fmt: skip
    return render_to_string("runs/_report.html", context, request=request)


def report_path(run: Run, split: str) -> Path | None:
    """Return the newest report of a split that one of the run's jobs told of, where its file is still there."""
    return artifact_path(run, report_name(split))


def artifact_path(run: Run, name: str) -> Path | None:
    """Return the newest artifact of that name that one of the run's jobs told of, where its file is still there."""
    told = JobEvent.objects.filter(job__train_job__run=run, type="artifact", payload__name=name).select_related("job")
    for event in told.order_by("-job_id", "-seq")[:3]:
        path = event.job.folder.path / str(event.payload.get("path", ""))
        if path.resolve().is_relative_to(event.job.folder.path.resolve()) and path.is_file():
            return path
    return None


def report_notes(run: Run, split: str = "test") -> list[str]:
    """Return what the report of a split says in words: that simpler baselines are as good, say; nothing without one."""
    path = report_path(run, split)
    report = load(path) if path is not None else None
    return [*report.praise, *report.notes] if report is not None else []


def load(path: Path) -> EvaluationReport | None:
    """Read a report; None, with a line in the log, for one that cannot be read."""
    try:
        return _load(path, path.stat().st_mtime_ns)
    except (OSError, msgspec.MsgspecError) as error:
        log.warning("the report %s cannot be read: %s", path, error)
        return None


@lru_cache(maxsize=16)
def _load(path: Path, _changed: int) -> EvaluationReport:
    return read_report(path)


def costs_of(request: HttpRequest) -> Costs:
    """Return the costs in the page's address."""
    try:
        alarm, miss = (float(request.GET.get(name, DEFAULT_COST)) for name in ("cost_false_alarm", "cost_miss"))
    except ValueError:
        return Costs(problem="The cost of an error must be a number, such as 2.5.")
    return Costs(false_alarm=alarm, miss=miss)


def choices(report: EvaluationReport, costs: Costs, chosen_on: EvaluationReport | None = None) -> list[Choice]:
    """Return the threshold that costs least for each label that has a curve, and what it does here.

    With `chosen_on` it is the threshold that costs least there: on the examples it was chosen by, it looks too good.
    """
    prices = {"cost_false_alarm": costs.false_alarm, "cost_miss": costs.miss}
    elsewhere = {curve.label: curve for curve in chosen_on.curves} if chosen_on else {}
    found = []
    try:
        for curve in report.curves:
            choice = pick_threshold(elsewhere.get(curve.label, curve), **prices)
            is_judged = curve.label in elsewhere
            found.append(choice_elsewhere(curve, choice.threshold, **prices) if is_judged else choice)
    except InputError:
        return []
    return found


def matrix_rows(matrix: Matrix) -> list[tuple[str, list[Cell]]]:
    """Return the rows of a confusion matrix with their shades."""
    rows = []
    for number, (name, counts) in enumerate(zip(matrix.names, matrix.counts, strict=True)):
        total = max(sum(counts), 1)
        cells = [
            Cell(count=count, heat=heat(count / total), is_right=number == column)
            for column, count in enumerate(counts)
        ]
        rows.append((name, cells))
    return rows


def heat(share: float) -> int:
    return 0 if share <= 0 else min(HEAT_STEPS, 1 + int(share * HEAT_STEPS))
