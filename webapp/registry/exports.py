"""Kept models in the formats of others: jobs that write one, run it there, and offer it when it says the same."""

from __future__ import annotations

from pathlib import Path

from django.db import transaction
from django.utils.translation import gettext as _

from trainer.errors import SpecError
from trainer.families import families
from trainer.formats.spec import FORMATS, Format
from trainer.spec import spec_from_dict, spec_to_dict
from webapp.jobs.models import ACTIVE_STATES
from webapp.jobs.services import job_create
from webapp.registry.errors import RegistryError
from webapp.registry.models import Export, ModelVersion
from webapp.registry.queries import queue_for_models, version_checkpoint
from webapp.runs.models import Checkpoint
from webapp.teams.models import User


def formats_of(version: ModelVersion) -> list[Format]:
    """Return the formats that models of the version's family can be written in, the usual one first."""
    family = families().get(version.run.family)
    return [FORMATS[name] for name in family.formats] if family else []


def missing_formats(version: ModelVersion) -> list[Format]:
    """Return the formats that models of the version's family are not written in."""
    offered = formats_of(version)
    return [each for each in FORMATS.values() if each not in offered]


def gguf_of(checkpoint: Checkpoint) -> Path | None:
    """Return the GGUF file that a checkpoint was exported to last, and that is offered; None where there is none."""
    made = Export.objects.filter(
        format="gguf", version__sha256=checkpoint.sha256, version__project=checkpoint.run.project_id
    )
    files = (file for export in made if export.is_offered for file in sorted(export.path.rglob("*.gguf")))
    return next(files, None)


@transaction.atomic
def export_start(*, version: ModelVersion, name: str, weights: str, created_by: User | None) -> Export:
    """Put a job into the queue that writes the version in a format. While one is under way it is that one."""
    chosen = next((each for each in formats_of(version) if each.name == name), None)
    if chosen is None:
        raise RegistryError(
            _("A model of family %s is not written in this format; choose another.") % version.run.family
        )
    under_way = Export.objects.filter(version=version, format=name, weights=weights, job__state__in=ACTIVE_STATES)
    if (made := under_way.first()) is not None:
        return made
    raw = {
        "kind": "export",
        "checkpoint": str(version_checkpoint(version).path),
        "sha256": version.sha256,
        "format": name,
        "weights": weights,
        "name": str(version),
    }
    try:
        spec = spec_to_dict(*spec_from_dict(raw))
    except SpecError as error:
        raise RegistryError(str(error)) from error
    job = job_create(
        project=version.project,
        kind="export",
        spec=spec,
        created_by=created_by,
        title=f"{version} · {chosen.title}",
        queue=queue_for_models(),
    )
    return Export.objects.create(version=version, format=name, weights=weights, job=job, created_by=created_by)
