"""The report of an evaluation: measures with their intervals, and blocks that any page can draw without knowing the family.

Written by the job as `evaluation-<split>.json`, beside the numbers of its `evaluation` event.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from trainer.metrics.bootstrap import Interval
from trainer.metrics.thresholds import ErrorCurve

FORMAT_VERSION = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Rows of figures and names."""

    title: str
    columns: list[str]
    rows: list[list[Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Matrix:
    """Counts of what is true (rows) against what was predicted (columns)."""

    title: str
    names: list[str]
    counts: list[list[int]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Bin:
    """Answers of about the same confidence."""

    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """One example for a person to look at."""

    text: str
    truth: str
    predicted: str
    probability: float
    source: str = ""
    row: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """One picture for a person to look at, with what the model said of it."""

    image: str
    """A small copy as a data URL, so that a report stands alone."""

    caption: str
    is_right: bool | None
    """None: nothing was said of it."""

    source: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationReport:
    """What one pass over a split found."""

    format_version: int = FORMAT_VERSION
    split: str
    step: int = 0
    content_hash: str = ""
    """Of the data: two reports can be compared where it is the same."""

    num_examples: int
    metrics: list[Interval] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """Sentences about what these numbers do not say: labels that training never saw, and the like."""

    praise: list[str] = field(default_factory=list)
    """Sentences about what they show: that simpler baselines are beaten, say."""

    methods: list[str] = field(default_factory=list)
    """How measures were computed where that has to be told: tokenizer and version of a score."""

    tables: list[Table] = field(default_factory=list)
    matrix: Matrix | None = None
    calibration: list[Bin] = field(default_factory=list)
    errors: list[Example] = field(default_factory=list)
    """The most confident wrong answers."""

    errors_title: str = ""
    """Their heading where confidence is not what orders them."""

    pictures: list[Picture] = field(default_factory=list)
    """Pictures on which the model erred most."""

    pictures_meaning: str = ""
    """One sentence: what such a picture shows."""

    curves: list[ErrorCurve] = field(default_factory=list)
    """For the choice of a threshold, a label each."""

    documents: list[int] = field(default_factory=list)
    """Number of each example's document in the split."""

    correct: list[int] = field(default_factory=list)
    """1 where the answer was right, in the same order: for paired tests."""

    def values(self) -> dict[str, float | None]:
        """Return the measures by name, as events carry them."""
        return {each.name: each.value for each in self.metrics}


def write_report(path: Path, report: EvaluationReport) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.encode(report))


def read_report(path: Path) -> EvaluationReport:
    """Read a report; raise `OSError` or `msgspec.MsgspecError` where there is none."""
    return msgspec.json.decode(path.read_bytes(), type=EvaluationReport)


def report_name(split: str) -> str:
    """Return the name of the artifact that holds the report of a split."""
    return f"evaluation-{split}"
