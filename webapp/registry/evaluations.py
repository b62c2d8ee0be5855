"""Measuring kept models: suites that are saved, and jobs that run one on a version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from trainer.spec import spec_from_dict, spec_to_dict
from webapp.datasets.models import DatasetVersion
from webapp.jobs.models import ACTIVE_STATES, Job
from webapp.jobs.services import job_create
from webapp.projects.models import Project
from webapp.registry.errors import RegistryError
from webapp.registry.models import EvaluationJob, EvaluationSuite, ModelVersion
from webapp.registry.queries import queue_for_models, version_checkpoint
from webapp.teams.models import User

SPLITS = ("validation", "test")
"""What a suite may read. The training split tells how well a model remembers, not how good it is."""


def suite_create(
    *,
    project: Project,
    name: str,
    data_version: DatasetVersion,
    splits: Sequence[str],
    metric: str,
    family: str = "",
    created_by: User | None,
) -> EvaluationSuite:
    """Save a measurement, to be made on any version."""
    name = " ".join(name.split())[:120]
    if not name:
        raise RegistryError(_("Give the suite a name."))
    if data_version.dataset.project_id != project.pk or data_version.ready_at is None:
        raise RegistryError(_("This data version is not ready in this project; choose another."))
    chosen = [split for split in SPLITS if split in splits]
    if not chosen:
        raise RegistryError(_("Choose at least one split to measure on: validation or test."))
    if EvaluationSuite.objects.filter(project=project, name=name, archived_at=None).exists():
        raise RegistryError(_("There is a suite called %(name)s already; choose another name.") % {"name": name})
    return EvaluationSuite.objects.create(
        project=project,
        name=name,
        dataset_version=data_version,
        splits=chosen,
        metric=metric.strip()[:60] or "loss",
        family=family,
        created_by=created_by,
    )


def suite_archive(*, suite: EvaluationSuite) -> None:
    """Offer the suite no longer. What it measured stays."""
    suite.archived_at = timezone.now()
    suite.save(update_fields=["archived_at"])


def evaluation_spec(version: ModelVersion, suite: EvaluationSuite) -> dict[str, Any]:
    """Return the spec of a job that runs the suite on the version."""
    raw = {
        "kind": "evaluate",
        "checkpoint": str(version_checkpoint(version).path),
        "sha256": version.sha256,
        "data_path": str(suite.dataset_version.path),
        "splits": list(suite.splits),
    }
    return spec_to_dict(*spec_from_dict(raw))


@transaction.atomic
def evaluation_start(*, version: ModelVersion, suite: EvaluationSuite, created_by: User | None) -> Job:
    """Put a job into the queue that runs the suite on the version. While one is under way it is that one."""
    if suite.project_id != version.project_id or suite.archived_at is not None:
        raise RegistryError(_("This suite is not offered in this project; choose another."))
    if suite.family and suite.family != version.run.family:
        raise RegistryError(
            _("The suite %(suite)s is for models of family %(family)s; %(version)s is of family %(own)s.")
            % {"suite": suite, "family": suite.family, "version": version, "own": version.run.family}
        )
    under_way = EvaluationJob.objects.filter(version=version, suite=suite, job__state__in=ACTIVE_STATES)
    if (made := under_way.select_related("job").first()) is not None:
        return made.job
    job = job_create(
        project=version.project,
        kind="evaluate",
        spec=evaluation_spec(version, suite),
        created_by=created_by,
        title=_("%(suite)s on %(version)s") % {"suite": suite, "version": version},
        queue=queue_for_models(),
    )
    EvaluationJob.objects.create(job=job, version=version, suite=suite, dataset_version=suite.dataset_version)
    return job
