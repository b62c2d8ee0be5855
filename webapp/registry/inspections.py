"""Looking into kept models: jobs that search the training data for what a model writes or is measured on."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from trainer.errors import SpecError
from trainer.families import families
from trainer.spec import spec_from_dict, spec_to_dict
from webapp.datasets.models import DatasetVersion
from webapp.jobs.services import job_create
from webapp.registry.errors import RegistryError
from webapp.registry.models import Inspection, ModelVersion
from webapp.registry.queries import queue_for_models, version_checkpoint
from webapp.teams.models import User

What = Inspection.What


def offered(version: ModelVersion) -> list[str]:
    """Return what can be looked into: writing needs a model that writes, and all need data of text."""
    family = families().get(version.run.family)
    if family is None or family.data_kind != "text":
        return []
    writes = "generate" in family.abilities
    return [What.NEAREST, *([What.OVERLAP] if writes else []), What.CONTAMINATION]


@transaction.atomic
def inspection_start(
    *, version: ModelVersion, what: str, created_by: User | None, evaluated: DatasetVersion | None = None, **fields: Any
) -> Inspection:
    """Put a job into the queue that looks into the version. `evaluated` is what a contamination check is made of."""
    if what not in offered(version):
        raise RegistryError(_("This cannot be looked into for a model of family %s.") % version.run.family)
    if evaluated is not None and (evaluated.dataset.project_id != version.project_id or evaluated.ready_at is None):
        raise RegistryError(_("This data version is not ready in this project; choose another."))
    data = version.run.dataset_version
    if not data.path.is_dir():
        raise RegistryError(_("The data that it learned from is no longer there, so nothing can be searched in it."))
    raw = {
        "kind": "inspect",
        "what": what,
        "checkpoint": str(version_checkpoint(version).path),
        "sha256": version.sha256,
        "data_path": str(data.path),
        "evaluation_path": str(evaluated.path) if evaluated else "",
        **fields,
    }
    try:
        spec = spec_to_dict(*spec_from_dict(raw))
    except SpecError as error:
        raise RegistryError(str(error)) from error
    job = job_create(
        project=version.project,
        kind="inspect",
        spec=spec,
        created_by=created_by,
        title=f"{version} · {What(what).label}",
        queue=queue_for_models(),
    )
    return Inspection.objects.create(version=version, what=what, job=job, created_by=created_by)
