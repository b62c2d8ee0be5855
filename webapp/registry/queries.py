"""What pages and the apps above ask of the registry."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from webapp.costs.queries import spend
from webapp.datasets.models import DatasetVersion
from webapp.jobs.models import Queue, Worker
from webapp.projects.models import Project
from webapp.registry.lineage import entries_of
from webapp.registry.models import Alias, EvaluationSuite, ModelVersion, Result, Stage
from webapp.runs.checkpoints import best
from webapp.runs.models import Checkpoint, Run

RELATED = (
    "project__team",
    "created_by",
    "checkpoint__job",
    "checkpoint__run__project__team",
    "checkpoint__run__latest_job",
    "checkpoint__run__parent",
    "checkpoint__run__dataset_version__dataset",
)


def version_checkpoint(version: ModelVersion) -> Checkpoint:
    """Return the checkpoint that answers for a version; its files are kept as long as the version is."""
    return version.checkpoint


def version_named(project: Project, name: str, which: str = "production") -> ModelVersion | None:
    """Return the version that a caller means: `production` (or another stage), an alias, or a number such as `3` or `v3`."""
    versions = ModelVersion.objects.live().filter(project=project, name=name).select_related(*RELATED)
    if alias := Alias.objects.filter(project=project, model_name=name, alias=which).first():
        return versions.filter(pk=alias.version_id).first()
    if which in Stage.values:
        return versions.filter(stage=which).order_by("-number").first()
    number = which.removeprefix("v")
    return versions.filter(number=int(number)).first() if number.isdigit() and len(number) < 9 else None


def versions_of(project: Project) -> QuerySet[ModelVersion]:
    """Return the project's kept models: by name, the newest version first."""
    rows = ModelVersion.objects.live().filter(project=project).select_related(*RELATED)
    return rows.prefetch_related("aliases").order_by("name", "-number")


def names_by_checkpoint(checkpoints: Iterable[Checkpoint]) -> dict[int, str]:
    """Return checkpoint -> the versions it is kept as, for pickers: `chat v3 (production), base v1`."""
    rows = ModelVersion.objects.live().filter(checkpoint__in=[each.pk for each in checkpoints])
    found: dict[int, list[str]] = {}
    for version in rows.order_by("name", "number"):
        stage = f" ({version.get_stage_display()})" if version.stage != Stage.CANDIDATE else ""
        found.setdefault(version.checkpoint_id, []).append(f"{version}{stage}")
    return {pk: ", ".join(names) for pk, names in found.items()}


def model_names(project: Project) -> list[str]:
    names = ModelVersion.objects.filter(project=project).values_list("name", flat=True)
    return sorted(set(names))


def suites_of(project: Project) -> QuerySet[EvaluationSuite]:
    return EvaluationSuite.objects.filter(project=project, archived_at=None).select_related("dataset_version__dataset")


def ready_data(project: Project) -> QuerySet[DatasetVersion]:
    """Return the data versions that something can be measured on, the newest first."""
    rows = DatasetVersion.objects.filter(dataset__project=project, ready_at__isnull=False)
    return rows.select_related("dataset").defer("report", "recipe").order_by("-ready_at")


def best_checkpoint(run: Run) -> Checkpoint | None:
    return best(run)


def queue_for_models() -> Queue:
    """Return the queue for work that runs a model: an accelerator's where a worker has one."""
    has_gpu = Worker.objects.filter(queue=Queue.GPU, stopped_at=None).exists()
    return Queue.GPU if has_gpu else Queue.CPU


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelRow:
    """One version in the table, with what it scored last."""

    version: ModelVersion
    result: Result | None
    metric: str
    value: float | None
    usd: float


def model_rows(project: Project) -> list[ModelRow]:
    """Return the table of the project's models."""
    rows = []
    for version in versions_of(project).prefetch_related("results__suite", "results__dataset_version__dataset"):
        results = list(version.results.all())
        result = next((each for each in results if each.split == "test"), next(iter(results), None))
        metric = main_metric(version, result)
        rows.append(
            ModelRow(
                version=version,
                result=result,
                metric=metric,
                value=result.metrics.get(metric) if result else None,
                usd=float(spend(entries_of(version)).effective_usd),
            )
        )
    return rows


def main_metric(version: ModelVersion, result: Result | None) -> str:
    """Return the name of the one metric to show: the suite's, the family's, or the first there is."""
    from trainer.families import families

    if result is None:
        return ""
    family = families().get(version.run.family)
    wanted: list[Any] = [result.suite.metric] if result.suite else []
    wanted += [family.main_metric.rpartition("/")[2]] if family else []
    return next((name for name in [*wanted, *sorted(result.metrics)] if name in result.metrics), "")
