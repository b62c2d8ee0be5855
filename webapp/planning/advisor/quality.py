"""What share of answers a way is expected to get right, and on what that rests: runs of the project, or the table."""

from __future__ import annotations

from dataclasses import dataclass
from math import log

from django.utils.translation import gettext as _
from msgspec import to_builtins

from trainer.families import get_family
from trainer.metrics.direction import lower_is_better
from webapp.datasets.models import DatasetVersion
from webapp.planning.advisor.table import Table, Way, decision_table
from webapp.planning.advisor.tasks import TASKS
from webapp.runs.models import Run

SPREAD = 0.3
"""A belief's errors may be a third more or less."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """Share of right answers, or the task's score from 0 to 1; None: nothing tells it."""

    value: float | None
    low: float | None = None
    high: float | None = None
    basis: str = ""
    is_published: bool = False
    """It rests on what was published of this very way."""

    run: Run | None = None
    """It was measured, by this run's own test."""

    bits_per_byte: float | None = None
    """Of what writes, which is not right or wrong: how well the run foretold the test split."""


def expected_quality(
    way: Way, *, task: str, num_labels: int, num_examples: float, half: float, floor: float, version: DatasetVersion
) -> Expected:
    """Return what to expect; a run on the same data that went this way takes the place of the belief."""
    asked, table = TASKS[task], decision_table()
    if not asked.is_foretold:
        return _of_writing(version, way)
    if (run := best_run(version, way, task)) is not None:
        value = float(run.test_metrics[asked.measure]) * asked.scale
        return Expected(value=value, low=value, high=value, run=run, basis=_("measured by your run, on its test split"))
    if way.data_worth is None:
        return Expected(value=None, basis=_("unknown: no run of yours went this way"))
    per = num_labels if asked.per else 1

    def error(each: Way, seen: float) -> float:
        return error_of(seen, floor=min(floor + each.floor, 1.0), chance=chance_of(task, num_labels), half=half)

    if way.how == "distil":
        teacher = next(each for each in (*table.of_task(task), *table.way) if each.how == "api")
        own = error(way, way.data_worth * (num_examples + way.taught) / per)
        return _belief(max(own, error(teacher, teacher.worth_labels)), table, "api")
    if way.how in ("api", "rule"):
        return _belief(error(way, way.worth_labels), table, way.basis or "api")
    basis = way.basis or ("transfer" if way.data_worth > 2 else "curve")
    return _belief(error(way, way.data_worth * num_examples / per), table, basis)


def chance_of(task: str, num_labels: int) -> float:
    """Return what guessing gets wrong: most labels, and every box, item or sentence."""
    is_label = TASKS[task].is_share
    return 1 - 1 / max(num_labels, 2) if is_label else 1.0


def _of_writing(version: DatasetVersion, way: Way) -> Expected:
    """Return what a run that went this way measured; nothing is believed of writing, which is not right or wrong."""
    run = best_run(version, way, "generate")
    if run is None:
        return Expected(value=None, basis=_("unknown: no run of yours went this way"))
    bits = float(run.test_metrics["bits_per_byte"])
    return Expected(value=None, bits_per_byte=bits, run=run, basis=_("measured by your run, on its test split"))


def _belief(error: float, table: Table, basis: str) -> Expected:
    low, high = 1 - min(1.0, error * (1 + SPREAD)), 1 - error * (1 - SPREAD)
    if 1 - error < error:  # little is right: it is that which may be a third more or less
        low, high = (1 - error) * (1 - SPREAD), (1 - error) * (1 + SPREAD)
    return Expected(
        value=1 - error, low=low, high=high, basis=_(table.basis[basis]), is_published=basis.startswith("published")
    )


def error_of(seen: float, *, floor: float, chance: float, half: float) -> float:
    """Return the share that is wrong after so many examples a class, as the table's head has it.

    >>> round(error_of(0, floor=0.05, chance=0.5, half=20), 2)
    0.5
    """
    return floor + max(0.0, chance - floor) * float((1 + seen / half) ** -0.5)


def best_run(version: DatasetVersion, way: Way, task: str) -> Run | None:
    """Return the best run on the data that went this way to the task: same family, purpose and kind of start."""
    measure = TASKS[task].measure
    if not way.family or way.how == "distil" or version.pk is None:
        return None
    rows = Run.objects.filter(
        dataset_version=version, family=way.family, deleted_at=None, latest_job__state="succeeded"
    )
    rows = rows.filter(**{f"test_metrics__{measure}__isnull": False}).order_by("-created_at")[:200]
    fitting = [run for run in rows if _went(run, way, task)]
    sign = -1 if lower_is_better(measure) else 1
    return max(fitting, key=lambda run: sign * float(run.test_metrics[measure] or 0.0), default=None)


def _went(run: Run, way: Way, task: str) -> bool:
    transfer, model = run.spec.get("transfer") or {}, run.spec.get("model") or {}
    is_adapted = transfer.get("adapter", "none") != "none"
    if (run.spec.get("prune") or {}).get("method", "none") != "none" or (run.spec.get("distil") or {}).get("teacher"):
        return False  # it was made smaller, or taught: another way
    how = "lora" if is_adapted else "fine-tune" if transfer.get("source") else "scratch"
    objective, wanted = model.get("objective"), TASKS[task].objectives
    if wanted and objective is not None and objective not in wanted:
        return False
    return how == way.how and _is_nearest(run, way, task)


def _is_nearest(run: Run, way: Way, task: str) -> bool:
    """Say whether of the ways that differ in size or form alone this is the one that the run went."""
    rivals = [each for each in decision_table().of_task(task) if (each.family, each.how) == (way.family, way.how)]
    return max(rivals, key=lambda each: _likeness(run, each)) == way


def _likeness(run: Run, way: Way) -> tuple[float, float]:
    """Return how far the words of its settings are the way's, and how near the numbers come (0: equal)."""
    ours, theirs = run.spec.get("model") or {}, to_builtins(get_family(way.family).presets[way.preset])
    names = [(str(ours.get(name)), value) for name, value in theirs.items() if isinstance(value, str)]
    words = sum(
        (own == value) + 0.5 * (own[:3] == value[:3]) for own, value in names
    )  # `resnet34` is nearer to `resnet18`
    numbers = [(ours.get(name), value) for name, value in theirs.items() if type(value) in (int, float)]
    far = sum(
        abs(log((own or 1e-3) / (value or 1e-3))) for own, value in numbers if isinstance(own, int | float) and own >= 0
    )
    return words, -far
