"""What somebody asks the advisor: the task, what data there are, and what is wanted of an answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from webapp.datasets.models import DatasetVersion


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What somebody asks the advisor."""

    task: str
    version: DatasetVersion
    num_labels: int
    """Kinds of things, or items, where a task counts by these."""

    num_examples: int
    difficulty: str = "usual"
    half: float | None = None
    """Examples a label that the task wants; None: by its difficulty."""

    stays: float | None = None
    """Share that stays wrong whatever the way; None: by the task and its difficulty."""

    budget_usd: float | None = None
    quality: float | None = None
    latency_seconds: float | None = None
    requests_per_month: float = 10_000
    tokens_in: float = 200
    tokens_out: float = 20
    months: float = 12
    usd_per_point: float = 100
    """What one point of quality (one answer in a hundred) below the bar costs over the horizon."""

    usd_per_hour_of_work: float = 60
    weights: Mapping[str, float] = field(default_factory=dict)
